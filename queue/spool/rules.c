/*
 * What the rules of accounts send, by way of the keeper, which says whose they
 * are.  An account's process that was taken over can send no more than its
 * owner could: in its own name, so much an hour.
 *
 * It comes again until the account has heard that it is here, each time with
 * the same delivery id: one that is in the spool, or was (spool_ended), is
 * taken as done.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "ipc/msg_account.h"
#include "mail/addrlist.h"
#include "mail/field.h"
#include "mail/path.h"
#include "queue/spool/service_priv.h"

#define HOUR_MS	   (60LL * 60 * 1000)
#define HEADER_MAX (64u << 10)

/* An answer that waits for the flush. */
struct rules_answer {
	char account[ACCOUNT_NAME_MAX];
	uint8_t id[16];
	struct rules_answer *next;
};

static void
answer(struct queue_service *q, const char *account, const uint8_t id[16],
    int rc, const char *text)
{
	struct account_sent s = {
	    .account = sv_str(account), .rc = rc, .text = sv_str(text)};
	struct msg m;

	memcpy(s.id, id, sizeof s.id);
	msg_init(&m, ACCOUNT_SENT);
	account_sent_put(&m, &s);
	/* What is lost comes again. */
	if (peer_tell(q->keeper, &m) != RC_OK)
		mlog(LOG_DEBUG, "queue.reply.lost", "type=ACCOUNT_SENT");
}

void
queue_rules_flushed(struct queue_service *q, int rc)
{
	struct rules_answer *a;

	while ((a = q->rules_answers) != NULL) {
		q->rules_answers = a->next;
		answer(q, a->account, a->id, rc == RC_OK ? RC_OK : RC_TEMP,
		    rc == RC_OK ? "taken" : "the spool cannot be written");
		free(a);
	}
}

void
queue_rules_stop(struct queue_service *q)
{
	struct rules_answer *a;

	while ((a = q->rules_answers) != NULL) {
		q->rules_answers = a->next;
		free(a);
	}
	free(q->rules_sent);
	q->rules_sent = NULL;
	q->nrules_sent = 0;
}

/* ---- how much ---- */

static struct rules_sent *
find_sent(struct queue_service *q, const char *account)
{
	for (size_t i = 0; i < q->nrules_sent; i++)
		if (strcmp(q->rules_sent[i].account, account) == 0)
			return &q->rules_sent[i];
	return NULL;
}

/* One that it may send; RC_DENIED: it has sent enough for this hour. */
static int
count_one(struct queue_service *q, const struct conf *c, const char *account)
{
	struct rules_sent *s = find_sent(q, account);
	int64_t now = clk_mono();

	if (s == NULL) {
		q->rules_sent = xgrow(q->rules_sent, &q->rules_sent_cap,
		    q->nrules_sent + 1, sizeof *q->rules_sent);
		s = &q->rules_sent[q->nrules_sent++];
		*s = (struct rules_sent){.since = now};
		sv_copy(sv_str(account), s->account, sizeof s->account);
	}
	if (now - s->since >= HOUR_MS) {
		s->since = now;
		s->n = 0;
	}
	if (s->n >= c->limits.messages_per_hour)
		return RC_DENIED;
	s->n++;
	return RC_OK;
}

/* It was not taken. */
static void
uncount_one(struct queue_service *q, const char *account)
{
	struct rules_sent *s = find_sent(q, account);

	if (s != NULL && s->n > 0)
		s->n--;
}

/* ---- in whose name ---- */

static bool
is_own(const struct conf *c, uint32_t account, struct sv address)
{
	const struct conf_account *a = &c->account[account];
	size_t i;

	for (i = 0; i < a->naddress; i++)
		if (sv_ieq(sv_str(a->address[i]), address))
			return true;
	return false;
}

struct author_check {
	const struct conf *c;
	uint32_t account;
};

static int
check_author(void *arg, const struct mail_addr *a)
{
	const struct author_check *k = arg;
	struct buf b;
	int r;

	buf_init(&b, MAIL_ADDRESS_MAX);
	buf_addsv(&b, a->local);
	buf_addc(&b, '@');
	buf_addsv(&b, a->domain);
	r = buf_ok(&b) && conf_may_send(k->c, k->account, buf_sv(&b))
		? RC_OK
		: RC_DENIED;
	buf_fini(&b);
	return r;
}

/* Each address of its From is one that the account may write as. */
static bool
is_from_owner(const struct conf *c, uint32_t account, int fd, uint64_t size)
{
	size_t n = size < HEADER_MAX ? (size_t)size : HEADER_MAX;
	struct mail_field from;
	struct author_check check = {c, account};
	struct sv header;
	struct buf b;
	ssize_t k;
	char *p;
	bool ok = false;

	buf_init(&b, HEADER_MAX);
	p = buf_reserve(&b, n);
	k = p != NULL ? pread(fd, p, n, 0) : 0;
	if (k > 0)
		buf_added(&b, (size_t)k);
	header = sv_first(buf_sv(&b), sv_find(buf_sv(&b), SV("\r\n\r\n")) + 2);
	if (mail_field_find(header, SV("From"), &from) &&
	    mail_field_count(header, SV("From")) == 1)
		ok =
		    mail_author_each(from.value, check_author, &check) == RC_OK;
	buf_fini(&b);
	return ok;
}

static bool
is_clean_address(struct sv s)
{
	struct mail_path path;
	struct sv rest = s;

	return s.n > 0 && s.n <= MAIL_ADDRESS_MAX &&
	       mail_path_parse(&rest, &MAIL_PATH_LIMITS, false, &path) ==
		   RC_OK &&
	       rest.n == 0 && path.domain.n > 0 && sv_eq(path.mailbox, s);
}

/* What was checked must be what is copied. */
static bool
is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & ACCOUNT_MAIL_SEALS) == ACCOUNT_MAIL_SEALS;
}

static int
check(const struct conf *c, const struct account_mail *mail, uint32_t account,
    struct err *err)
{
	bool forward = mail->kind == ACCOUNT_MAIL_FORWARD;

	if (!is_clean_address(mail->to) ||
	    (mail->sender.n > 0 && !is_clean_address(mail->sender)))
		return err_set(err, RC_SYNTAX, "that is not an address");
	if (forward && c->account[account].naddress == 0)
		return err_set(err, RC_DENIED, "the account has no address");
	if (!forward && mail->sender.n > 0 &&
	    !conf_may_send(c, account, mail->sender))
		return err_set(
		    err, RC_DENIED, "the account may not send as that sender");
	if (!forward && !is_sealed(mail->fd))
		return err_set(
		    err, RC_DENIED, "the letter could still be changed");
	if (!forward && !is_from_owner(c, account, mail->fd, mail->size))
		return err_set(err, RC_DENIED,
		    "the account may not write in the name of that From");
	return RC_OK;
}

/* ---- to whom ---- */

/* By which of the account's addresses it leaves: one that the owner has taken
 * away since then, or that another process hears of later than we do, is no
 * reason to keep it for ever. */
static struct sv
via_of(const struct conf *c, const struct account_mail *mail)
{
	int n = conf_account_by_name(c, mail->account);

	if (n < 0 || c->account[n].naddress == 0 ||
	    is_own(c, (uint32_t)n, mail->via))
		return mail->via;
	return sv_str(c->account[n].address[0]);
}

static int
find_recipients(const struct conf *c, const struct account_mail *mail,
    struct addressees *list, struct err *err)
{
	struct sv domain = sv_skip(mail->to, sv_rchr(mail->to, '@') + 1);
	const uint32_t *account;
	size_t n = 0, i;

	if (conf_lookup(c, mail->to, &account, &n) == RC_NOTFOUND)
		return err_set(
		    err, RC_NOTFOUND, "nobody here has that address");
	addressees_add_sender(list, c, mail->to);
	for (i = 0; i < list->n; i++) {
		if (list->to[i].local) {
			list->to[i].written = mail->to;
			continue;
		}
		if (!c->outside && !conf_domain_is_local(c, domain))
			return err_set(err, RC_DENIED,
			    "no mail leaves this server (relay: off)");
		if (mail->kind == ACCOUNT_MAIL_FORWARD && list->via[i].n == 0)
			list->via[i] = via_of(c, mail);
	}
	return RC_OK;
}

/* ---- in ---- */

static void
note_taken(struct queue_service *q, const struct spool_item *it,
    const struct account_mail *mail)
{
	struct queue_news news = {.kind = HISTORY_QUEUED,
	    .count = HISTORY_C_NONE,
	    .number = it->seq,
	    .text = mail->kind == ACCOUNT_MAIL_FORWARD
			? SV("forwarded by a rule of its recipient")
			: SV("written by a rule")};

	queue_note(q, it, NULL, it->nrcpt, &news);
}

static int
put(struct queue_service *q, const struct conf *c,
    const struct account_mail *mail, struct err *err)
{
	struct spool_put p = {.sender = mail->sender,
	    .owner = mail->account,
	    .results = mail->results,
	    .flags = SPOOL_BARE | SPOOL_RULES,
	    .fd = mail->fd,
	    .size = mail->size,
	    .size_max = conf_message_max(c)};
	size_t before = spool_count(q->spool);
	struct spool_item *it = NULL;
	struct addressees list;
	int r;

	if (mail->kind == ACCOUNT_MAIL_LETTER)
		p.flags |= SPOOL_REPORT;
	memcpy(p.delivery_id, mail->id, sizeof p.delivery_id);
	addressees_init(&list);
	r = find_recipients(c, mail, &list, err);
	p.to = list.to;
	p.via = list.via;
	p.nto = list.n;
	if (r == RC_OK)
		r = spool_put(q->spool, &p, &it, err);
	if (r == RC_OK && spool_count(q->spool) > before) {
		queue_schedule(q, it, false);
		note_taken(q, it, mail);
	}
	addressees_fini(&list);
	return r;
}

static int
take(struct queue_service *q, const struct account_mail *mail,
    const char *account, struct err *err)
{
	struct conf *c = queue_conf(q);
	int n = conf_account_by_name(c, mail->account), r = RC_OK;

	if (spool_find_delivery(q->spool, mail->id) != NULL ||
	    spool_ended(q->spool, mail->id))
		goto out;
	if (n < 0)
		r = err_set(err, RC_TEMP, "the account has been removed");
	else if (mail->fd < 0)
		r = err_set(err, RC_TEMP, "too many open files");
	else
		r = check(c, mail, (uint32_t)n, err);
	if (r == RC_OK)
		r = count_one(q, c, account);
	if (r == RC_DENIED && err->text[0] == '\0')
		r = err_set(err, r,
		    "rules have sent %u messages within an hour, which is the "
		    "limit (limits.messages_per_hour)",
		    c->limits.messages_per_hour);
	if (r == RC_OK) {
		r = put(q, c, mail, err);
		if (r != RC_OK)
			uncount_one(q, account);
	}
out:
	conf_free(&c);
	return r;
}

static void
answer_after_flush(
    struct queue_service *q, const char *account, const uint8_t id[16])
{
	struct rules_answer *a = xcalloc(1, sizeof *a);

	sv_copy(sv_str(account), a->account, sizeof a->account);
	memcpy(a->id, id, sizeof a->id);
	a->next = q->rules_answers;
	q->rules_answers = a;
	queue_commit(q);
}

static void
on_send(struct queue_service *q, struct msg *m)
{
	struct account_mail mail;
	struct err err = {.text = ""};
	char account[ACCOUNT_NAME_MAX], to[LOG_Q_MAX];
	int r;

	/* The keeper says only what accounts say. */
	if (account_mail_get(m, &mail) != RC_OK)
		return;
	queue_look_at_clock(q);
	sv_copy(mail.account, account, sizeof account);
	r = take(q, &mail, account, &err);
	mlog(r == RC_OK ? LOG_INFO : LOG_WARN, "queue.rules",
	    "account=%s to=%s kind=%d rc=%s%s%s%s", account, log_q(to, mail.to),
	    mail.kind, rc_name(r), r == RC_OK ? "" : " text=\"", err.text,
	    r == RC_OK ? "" : "\"");
	if (r == RC_OK)
		answer_after_flush(q, account, mail.id);
	else
		answer(q, account, mail.id, r, err.text);
	account_mail_fini(&mail);
	if (r == RC_IO)
		ev_post(q->o.loop, q->o.broken, q->o.arg);
}

void
queue_on_keeper(struct line *l, struct msg *m, void *arg)
{
	(void)l;
	if (m->type == ACCOUNT_SEND)
		on_send(arg, m);
}
