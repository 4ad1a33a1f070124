/*
 * What smtp and submission bring.  Addresses of ours that lead to other servers
 * become recipients here: smtp names the alias only, so that one that was taken
 * over can send nothing to anybody whom no alias names.  Bounces of what was
 * forwarded end here: they become reports, to whom they concern.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "msgauth/onward.h"
#include "queue/spool/bounce.h"
#include "queue/spool/report.h"
#include "queue/spool/service_priv.h"

#define FLAGS_TAKEN (SPOOL_BARE | SPOOL_JUNK | SPOOL_KNOWN)
#define HEADER_MAX  (64u << 10)
#define AUTHOR_MAX  (8u << 10) /* of an answer, for somebody elsewhere */
#define DAY_MS	    (24LL * 3600 * 1000)

/* No line break gets from an envelope into a command or a header. */
static bool
is_clean(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return true;
}

/* Port 25 brings mail for our people and aliases only, whatever has become of
 * it. */
static bool
is_allowed(const struct queue_mail *mail, bool outside)
{
	size_t i;

	if (!is_clean(mail->sender) || !is_clean(mail->owner) ||
	    (mail->flags & ~FLAGS_TAKEN) != 0)
		return false;
	for (i = 0; i < mail->nto; i++)
		if (!is_clean(mail->to[i].address) ||
		    (!outside && !mail->to[i].local && !mail->to[i].forward))
			return false;
	return outside || mail->owner.n == 0;
}

/* One message on its way in. */
struct intake {
	struct queue_service *q;
	const struct queue_mail *mail;
	struct conf *c;
	struct addressees list;
	struct buf head; /* the first bytes of the body */
};

/* Reads from the front of the body. */
static void
read_head(struct intake *in, size_t most)
{
	size_t n = in->mail->size < most ? (size_t)in->mail->size : most;
	char *p;
	ssize_t k;

	if (in->head.n >= n || n == 0)
		return;
	buf_reset(&in->head);
	p = buf_reserve(&in->head, n);
	k = p != NULL ? pread(in->mail->fd, p, n, 0) : 0;
	if (k > 0)
		buf_added(&in->head, (size_t)k);
}

/* A letter about this message and that recipient of it, to the owners of an
 * alias or its author. */
static int
tell(struct intake *in, struct sv address, struct report *r,
    const struct conf_alias *a, struct err *err)
{
	const struct queue_cause cause = {in->mail->delivery_id, address};
	struct addressees list;
	int rc;

	addressees_init(&list);
	r->alias = a->address;
	if (r->to_owner)
		addressees_add_owners(&list, in->c, a, NULL);
	else
		addressees_add_sender(&list, in->c, sv_str(r->to));
	rc = queue_tell(in->q, in->c, r, &cause, &list, err);
	addressees_fini(&list);
	return rc;
}

/* ---- what leaves, and what stays ---- */

static int
add_alias(struct intake *in, const struct queue_to *to, struct err *err)
{
	const struct conf_alias *a = conf_forward(in->c, to->address);

	if (a == NULL) /* another configuration than smtp has */
		return err_set(err, RC_TEMP, "the alias has changed");
	if (to->onward != ONWARD_SEND)
		addressees_add_owners(&in->list, in->c, a, to);
	else
		addressees_add_outside(&in->list, a);
	return RC_OK;
}

/* It was kept since the far side would refuse it. */
static void
tell_kept(struct intake *in, const struct conf_alias *a)
{
	struct report_rcpt *to = xcalloc(a->noutside, sizeof *to);
	struct report r = {.to_owner = true,
	    .to = a->address,
	    .rcpt = to,
	    .nrcpt = a->noutside};
	struct err err = {.text = ""};
	char *author = sv_dup(in->mail->sender);
	size_t i;

	for (i = 0; i < a->noutside; i++)
		to[i] = (struct report_rcpt){.address = a->address,
		    .reply_text = SV(REPORT_WOULD_REFUSE),
		    .domain = strrchr(a->outside[i], '@') + 1};
	read_head(in, HEADER_MAX);
	r.author = author;
	r.original = buf_sv(&in->head);
	r.arrived = clk_now();
	if (tell(in, sv_str(a->address), &r, a, &err) != RC_OK)
		mlog(LOG_WARN, "queue.tell", "alias=%s text=\"%s\"", a->address,
		    err.text);
	free(author);
	free(to);
}

/* Where an alias leads, or why not, for the owner's history. */
static void
note_alias(
    struct intake *in, const struct spool_item *it, const struct queue_to *to)
{
	static const char *const words[] = {[ONWARD_SEND] = "is forwarded",
	    [ONWARD_KEEP] = "is not forwarded: it is junk or forged",
	    [ONWARD_REFUSED] = "is not forwarded: the other server would "
			       "refuse it (DMARC p=reject, and not signed)"};
	struct queue_news news = {
	    .kind = HISTORY_REMARK, .count = HISTORY_C_NONE};
	struct buf text;

	if (to->onward >= sizeof words / sizeof words[0])
		return;
	buf_init(&text, 2 * SPOOL_ADDRESS_MAX);
	buf_adds(&text, "mail for ");
	buf_addsv(&text, to->address);
	buf_addf(&text, " %s", words[to->onward]);
	news.text = buf_sv(&text);
	queue_note(in->q, it, NULL, it->nrcpt, &news);
	buf_fini(&text);
}

static void
note_queued(struct intake *in, const struct spool_item *it)
{
	const struct queue_mail *mail = in->mail;
	const struct queue_news news = {
	    .kind = HISTORY_QUEUED, .count = HISTORY_C_NONE, .number = it->seq};
	size_t i;

	queue_note(in->q, it, NULL, it->nrcpt, &news);
	for (i = 0; i < mail->nto; i++)
		if (mail->to[i].forward && !srs_is(mail->to[i].address))
			note_alias(in, it, &mail->to[i]);
}

static void
tell_all_kept(struct intake *in)
{
	const struct queue_mail *mail = in->mail;
	const struct conf_alias *a;
	size_t i;

	for (i = 0; i < mail->nto; i++)
		if (mail->to[i].forward &&
		    mail->to[i].onward == ONWARD_REFUSED &&
		    (a = conf_forward(in->c, mail->to[i].address)) != NULL)
			tell_kept(in, a);
}

/* ---- what comes back ---- */

bool
queue_return_has_room(struct queue_service *q, const struct forward_back *back)
{
	return returns_have_room(&q->returns, buf_sv(&back->sender),
	    sv_str(back->alias->address), clk_now() / DAY_MS);
}

/* It has come; if that cannot be written, the next process does not know. */
static void
count_return(struct queue_service *q, const struct forward_back *back)
{
	struct err err = {.text = ""};

	returns_add(&q->returns, buf_sv(&back->sender),
	    sv_str(back->alias->address), clk_now() / DAY_MS);
	if (returns_save(&q->returns, &err) != RC_OK)
		mlog(LOG_WARN, "queue.returns", "file=%s text=\"%s\"",
		    RETURNS_FILE, err.text);
}

/*
 * A holiday, a delay, or words that no program understands: for people to
 * read, without the address.  The author gets what is short, and of more its
 * header: the rest could be anything.  What is too large for either is the
 * owner's, as it is.
 */
static int
pass_answer(struct intake *in, struct sv address,
    const struct forward_back *back, struct err *err)
{
	struct report r = {.to_owner = !back->author,
	    .answered = true,
	    .to = back->author ? back->sender.p : back->alias->address,
	    .author = back->sender.p,
	    .whole = true,
	    .arrived = clk_now()};
	struct buf text;
	int rc;

	if (in->mail->size > BOUNCE_READ_MAX) {
		addressees_add_owners(&in->list, in->c, back->alias, NULL);
		return RC_OK;
	}
	buf_init(&text, 4 * BOUNCE_READ_MAX);
	queue_hide(back->alias, buf_sv(&in->head), &text);
	r.original = buf_sv(&text);
	if (back->author && text.n > AUTHOR_MAX) {
		r.whole = false;
		r.original = sv_first(r.original, AUTHOR_MAX);
	}
	rc = tell(in, address, &r, back->alias, err);
	buf_fini(&text);
	return rc;
}

/* Only mail from <> comes back, and so often. */
static int
may_come_back(
    struct intake *in, const struct forward_back *back, struct err *err)
{
	if (in->mail->sender.n > 0)
		return err_set(err, RC_DENIED, "only bounces come back");
	if (!queue_return_has_room(in->q, back))
		return err_set(
		    err, RC_TEMP, "too much has come back today; try later");
	return RC_OK;
}

/* A failure is told in our words. */
static int
take_back(struct intake *in, struct sv address, struct err *err)
{
	struct forward_back back;
	struct bounce b;
	struct buf why;
	int r;

	bounce_init(&b);
	buf_init(&back.sender, 2 * SPOOL_ADDRESS_MAX);
	buf_init(&why, 16 * BOUNCE_WHY_MAX);
	r = queue_forward_back(in->q, in->c, address, &back);
	/* It was when smtp asked: the configuration has changed. */
	r = r == RC_OK ? may_come_back(in, &back, err)
		       : err_set(err, RC_TEMP, "the alias has changed");
	read_head(in, BOUNCE_READ_MAX);
	bounce_read(buf_sv(&in->head), &b);
	if (r != RC_OK) {
		/* The reason is there. */
	} else if (!b.failed) {
		r = pass_answer(in, address, &back, err);
	} else {
		queue_hide(back.alias, buf_sv(&b.why), &why);
		r = tell(in, address,
		    &(struct report){.to_owner = !back.author,
			.to = back.author ? back.sender.p : back.alias->address,
			.author = back.sender.p,
			.returned = true,
			.rcpt = &(struct report_rcpt){back.alias->address,
			    buf_sv(&why), 0, "that server"},
			.nrcpt = 1,
			.original = buf_sv(&b.header),
			.arrived = clk_now()},
		    back.alias, err);
	}
	if (r == RC_OK)
		count_return(in->q, &back);
	mlog(r == RC_OK ? LOG_INFO : LOG_WARN, "queue.back",
	    "alias=%s told=%s rc=%s", r == RC_OK ? back.alias->address : "?",
	    r == RC_OK && back.author ? "author" : "owner", rc_name(r));
	buf_fini(&why);
	buf_fini(&back.sender);
	bounce_fini(&b);
	return r;
}

/* ---- both ---- */

static int
expand(struct intake *in, struct err *err)
{
	const struct queue_mail *mail = in->mail;
	size_t i;
	int r = RC_OK;

	for (i = 0; r == RC_OK && i < mail->nto; i++)
		if (!mail->to[i].forward)
			addressees_add(&in->list, mail->to[i], SV(""));
	for (i = 0; r == RC_OK && i < mail->nto; i++)
		if (mail->to[i].forward && !srs_is(mail->to[i].address))
			r = add_alias(in, &mail->to[i], err);
	return r;
}

static int
take_back_all(struct intake *in, struct err *err)
{
	const struct queue_mail *mail = in->mail;
	size_t i;
	int r = RC_OK;

	for (i = 0; r == RC_OK && i < mail->nto; i++)
		if (mail->to[i].forward && srs_is(mail->to[i].address))
			r = take_back(in, mail->to[i].address, err);
	return r;
}

static int
put(struct intake *in, struct spool_item **out, struct err *err)
{
	struct queue_service *q = in->q;
	const struct queue_mail *mail = in->mail;
	struct spool_put p = {
	    .sender = mail->sender,
	    .owner = mail->owner,
	    .verdict = mail->verdict,
	    .results = mail->results,
	    .to = in->list.to,
	    .via = in->list.via,
	    .nto = in->list.n,
	    .flags = mail->flags,
	    .front = mail->front,
	    .fd = mail->fd,
	    .size = mail->size,
	    .size_max = conf_message_max(in->c),
	};
	size_t i, before = spool_count(q->spool);
	int r;

	for (i = 0; i < in->list.n; i++)
		p.flags |= in->list.to[i].junk ? SPOOL_JUNK : 0;
	memcpy(p.delivery_id, mail->delivery_id, sizeof p.delivery_id);
	r = spool_put(q->spool, &p, out, err);
	if (r == RC_OK && spool_count(q->spool) > before) {
		queue_schedule(q, *out, false);
		note_queued(in, *out);
		tell_all_kept(in);
	}
	return r;
}

int
queue_take(struct queue_service *q, const struct queue_mail *mail, bool outside,
    struct spool_item **out, struct err *err)
{
	struct intake in = {.q = q, .mail = mail};
	int r;

	if (mail->nto == 0)
		return err_set(err, RC_SYNTAX, "the envelope is garbled");
	if (mail->fd < 0)
		return err_set(err, RC_TEMP, "too many open files");
	if (!is_allowed(mail, outside))
		return err_set(err, RC_DENIED, "that is not for this process");
	in.c = queue_conf(q);
	addressees_init(&in.list);
	buf_init(&in.head, BOUNCE_READ_MAX);
	r = expand(&in, err);
	if (r == RC_OK)
		r = take_back_all(&in, err);
	if (r == RC_OK && in.list.n > 0)
		r = put(&in, out, err);
	buf_fini(&in.head);
	addressees_fini(&in.list);
	conf_free(&in.c);
	return r;
}
