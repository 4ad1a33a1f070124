/* vacation [RFC 5230, 6131, 8580]. */
#include <string.h>

#include "base/fold.h"
#include "mail/field.h"
#include "sieve/address.h"
#include "sieve/check.h"
#include "sieve/commands.h"
#include "sieve/error.h"
#include "sieve/fcc.h"
#include "sieve/letter.h"

#define DAY	     86400
#define DAYS_DEFAULT 7
#define LETTER_MAX   (1 << 20)
/* What reading addresses costs, for each byte; comparing one with one of
 * :addresses, and with the owner's. */
#define ADDRESS_WORK 16
#define ALSO_WORK    2
#define MINE_WORK    60

bool
sieve_check_from(struct sieve_check *c, const struct sieve_node *n)
{
	const struct sieve_value *v = sieve_tag_value(n, T_FROM);

	return v == NULL ||
	       sieve_check_each(c, v, sieve_is_mailbox_list,
		   "an address, such as \"Anna <anna@example.org>\"");
}

/* No bytes beyond ASCII in its fields. */
static bool
is_entity(struct sv s)
{
	struct mail_header_scan scan = {0};

	mail_header_scan_end(&scan, s);
	for (size_t i = 0; i < scan.header; i++)
		if ((unsigned char)s.p[i] > 126)
			return false;
	return true;
}

bool
sieve_check_entity(
    struct sieve_check *c, const struct sieve_node *n, size_t pos)
{
	return !sieve_has_tag(n, T_MIME) ||
	       sieve_check_each(c, n->pos[pos], is_entity,
		   "a MIME part: its fields have only ASCII characters");
}

bool
sieve_check_vacation(struct sieve_check *c, struct sieve_node *n)
{
	const struct sieve_value *days = sieve_tag_value(n, T_DAYS);

	if (days != NULL && days->number > (1U << 20))
		return sieve_check_fail(
		    c, days, "this number of days is too large");
	return sieve_check_from(c, n) && sieve_check_entity(c, n, 0) &&
	       sieve_check_fcc(c, n);
}

static int64_t
period(const struct sieve_run *r, const struct sieve_node *n)
{
	const struct sieve_value *days = sieve_tag_value(n, T_DAYS);
	const struct sieve_value *seconds = sieve_tag_value(n, T_SECONDS);
	int64_t s = DAYS_DEFAULT * DAY;

	if (days != NULL) /* at least one [RFC 5230 4.1] */
		s = (days->number > 0 ? (int64_t)days->number : 1) * DAY;
	if (seconds != NULL)
		s = (int64_t)(seconds->number < INT32_MAX ? seconds->number
							  : INT32_MAX);
	if (s < r->limits.vacation_s)
		s = r->limits.vacation_s;
	return s < r->limits.vacation_max_s ? s : r->limits.vacation_max_s;
}

/* ---- was it written to me? ---- */

struct recipients {
	struct sieve_run *r;
	struct sv *also; /* :addresses, without names; empty: not one */
	size_t nalso;
	struct buf *mine; /* the one that was found */
};

/* Read once: a header may have more addresses than anybody counts. */
static enum sieve_flow
read_also(struct recipients *w, const struct sieve_node *n)
{
	struct sieve_run *r = w->r;
	enum sieve_flow f = sieve_expand_all(
	    r, n, sieve_tag_value(n, T_ADDRESSES), &w->also, &w->nalso);

	for (size_t i = 0; i < w->nalso && f == FLOW_ON; i++) {
		struct buf b;

		f = sieve_charge(
		    r, n, ADDRESS_WORK * (uint64_t)w->also[i].n + ALSO_WORK);
		buf_init(&b, 2048);
		if (!sieve_address_read(w->also[i], &b))
			buf_reset(&b);
		w->also[i] = arena_dup(&r->scratch, buf_sv(&b));
		buf_fini(&b);
	}
	return f;
}

/* One of :addresses? */
static bool
is_also_mine(const struct recipients *w, struct sv address)
{
	for (size_t i = 0; i < w->nalso; i++)
		if (w->also[i].n > 0 && sv_ieq(address, w->also[i]))
			return true;
	return false;
}

/* Of a field: the shortest address is as long as "a@b,". */
static uint64_t
look_work(const struct recipients *w, struct sv value)
{
	return (ADDRESS_WORK +
		   (ALSO_WORK * (uint64_t)w->nalso + MINE_WORK) / 4) *
	       (uint64_t)value.n;
}

static enum sieve_flow
look_at(void *arg, const struct sieve_address *a)
{
	struct recipients *w = arg;
	struct sieve_run *r = w->r;
	bool mine;

	if (a->broken)
		return FLOW_ON;
	buf_reset(w->mine);
	sieve_address_put(a, w->mine);
	mine = sv_ieq(buf_sv(w->mine), r->message->to) ||
	       (r->host->is_mine != NULL &&
		   r->host->is_mine(r->arg, buf_sv(w->mine)));
	mine = mine || is_also_mine(w, buf_sv(w->mine));
	return mine ? FLOW_STOP : FLOW_ON;
}

/* The address of mine in one of the fields that count [RFC 5230 4.5]. */
static enum sieve_flow
find_mine(struct sieve_run *r, const struct sieve_node *n, struct buf *out,
    bool *from_me)
{
	static const struct sv names[] = {SV("To"), SV("Cc"), SV("Bcc"),
	    SV("Resent-To"), SV("Resent-Cc"), SV("Resent-Bcc")};
	struct recipients w = {.r = r, .mine = out};
	struct sv header = r->doc.header;
	struct mail_field field;
	enum sieve_flow f;

	f = read_also(&w, n);
	if (f == FLOW_ON)
		*from_me = is_also_mine(&w, r->message->from);
	while (f == FLOW_ON && mail_field_next(&header, &field))
		for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
			if (f != FLOW_ON || !sv_ieq(field.name, names[i]))
				continue;
			f = sieve_charge(r, n, look_work(&w, field.value));
			if (f == FLOW_ON)
				f = sieve_addresses_each(
				    field.value, look_at, &w);
		}
	if (f == FLOW_ON)
		buf_reset(out);
	return f == FLOW_STOP ? FLOW_ON : f;
}

/* The author's address, to whom the answer is addressed. */
static enum sieve_flow
first_address(void *arg, const struct sieve_address *a)
{
	if (a->broken)
		return FLOW_ON;
	sieve_address_put(a, arg);
	return FLOW_STOP;
}

/* ---- once in a while ---- */

/* The argument as it is written: its variables are not part of it. */
static struct sv
written(const struct sieve_value *v)
{
	return v != NULL ? v->s[0].s : (struct sv){0};
}

static void
make_key(struct sieve_run *r, const struct sieve_node *n, struct sv address,
    unsigned char key[SIEVE_KEY_BYTES])
{
	const struct sieve_value *handle = sieve_tag_value(n, T_HANDLE);
	char *p = arena_alloc(&r->scratch, address.n + 1);
	struct sv part[5];
	size_t count = 0;

	fold_ascii(address, p);
	part[count++] = sv_of(p, address.n);
	if (handle != NULL) {
		part[count++] = written(handle);
		sieve_key(key, "vacation handle", part, count);
		return;
	}
	part[count++] = written(sieve_tag_value(n, T_SUBJECT));
	part[count++] = written(sieve_tag_value(n, T_FROM));
	part[count++] = sieve_has_tag(n, T_MIME) ? SV("m") : SV("");
	part[count++] = written(n->pos[0]);
	sieve_key(key, "vacation", part, count);
}

/* By the sender's address, and by the author's: either of them may change from
 * one message to the next. */
static enum sieve_flow
answered(struct sieve_run *r, const struct sieve_node *n, struct sv author,
    bool *out)
{
	struct sv who[] = {r->message->from, author};
	struct sieve_record record[2];
	enum sieve_flow f = FLOW_ON;
	int rc = RC_OK;

	*out = false;
	for (size_t i = 0; i < 2 && rc == RC_OK; i++) {
		bool seen = false;

		record[i] = (struct sieve_record){
		    .seconds = period(r, n), .answer = true};
		make_key(r, n, who[i], record[i].key);
		if (r->host->seen != NULL)
			rc = r->host->seen(r->arg, record[i].key, &seen);
		*out |= rc == RC_OK && seen;
	}
	if (rc == RC_TEMP)
		return FLOW_TEMP;
	for (size_t i = 0; i < 2 && !*out && f == FLOW_ON; i++)
		f = sieve_add_record(r, n, &record[i]);
	return f;
}

/* ---- the letter ---- */

struct parts {
	struct sv subject, from, reason;
	struct sv mine, author;
};

static enum sieve_flow
expand_parts(struct sieve_run *r, const struct sieve_node *n, struct parts *p)
{
	const struct sieve_value *subject = sieve_tag_value(n, T_SUBJECT);
	const struct sieve_value *from = sieve_tag_value(n, T_FROM);
	enum sieve_flow f = sieve_expand(r, n, &n->pos[0]->s[0], &p->reason);

	if (f == FLOW_ON && subject != NULL)
		f = sieve_expand(r, n, &subject->s[0], &p->subject);
	if (f == FLOW_ON && from != NULL)
		f = sieve_expand(r, n, &from->s[0], &p->from);
	return f;
}

/* Only who is the owner, too. */
static bool
from_is_mine(struct sieve_run *r, struct sv from)
{
	struct buf b;
	bool ok = sieve_is_mailbox_list(from);

	if (!ok || r->host->is_mine == NULL)
		return ok;
	buf_init(&b, 4096);
	(void)sieve_addresses_each(from, first_address, &b);
	ok = r->host->is_mine(r->arg, buf_sv(&b));
	buf_fini(&b);
	return ok;
}

static void
put_subject(struct sieve_run *r, const struct parts *p, struct buf *out)
{
	struct sv original;
	struct buf b;

	if (p->subject.n > 0) {
		sieve_put_written(out, "Subject", p->subject);
		return;
	}
	original = sieve_first_field(r, SV("Subject"));
	buf_init(&b, original.n + 16);
	buf_adds(&b, original.n > 0 ? "Auto: " : "Automated reply");
	buf_addsv(&b, original);
	sieve_put_field(out, "Subject", buf_sv(&b));
	buf_fini(&b);
}

static void
put_letter(struct sieve_run *r, const struct sieve_node *n,
    const struct parts *p, struct buf *out)
{
	struct sv from = p->from, mine = p->mine;

	/* One of :addresses may be an address elsewhere: this server cannot
	 * write in its name. */
	if (!from_is_mine(r, mine))
		mine = r->message->to;
	if (from.n > 0 && !from_is_mine(r, from)) {
		sieve_trace(r, n,
		    "vacation: the address after \":from\" is not yours, and "
		    "is not used");
		from = SV("");
	}
	sieve_put_addresses(out, "From", from.n > 0 ? from : mine);
	sieve_put_addresses(out, "To", p->author);
	put_subject(r, p, out);
	sieve_put_stamp(r, out, p->reason);
	sieve_put_thread(r, out);
	buf_adds(out, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n");
	if (sieve_has_tag(n, T_MIME))
		sieve_put_entity(out, p->reason);
	else
		sieve_put_text(out, p->reason);
}

static enum sieve_flow
answer(struct sieve_run *r, const struct sieve_node *n, struct parts *p)
{
	struct sieve_action *a;
	enum sieve_flow f;
	struct buf b;

	f = sieve_add_action(r, n, SIEVE_VACATION, &a);
	if (f != FLOW_ON)
		return f;
	buf_init(&b, LETTER_MAX);
	put_letter(r, n, p, &b);
	a->letter.from = SV("");
	a->letter.to = r->message->from;
	a->letter.bytes = sieve_keep_sv(r, buf_sv(&b));
	f = buf_ok(&b) ? sieve_fcc_resolve(r, n, a)
		       : sieve_fail(r, n, "the answer is too long");
	buf_fini(&b);
	if (f == FLOW_ON)
		sieve_trace(
		    r, n, "vacation: answers \"%s\"", QUOTE(r->message->from));
	return f;
}

static enum sieve_flow
answer_if_due(struct sieve_run *r, const struct sieve_node *n, struct buf *mine,
    struct buf *author)
{
	struct parts p = {0};
	struct mail_field field;
	bool seen = false, from_me = false;
	enum sieve_flow f = find_mine(r, n, mine, &from_me);

	if (f == FLOW_ON && from_me) {
		sieve_trace(r, n,
		    "vacation: no answer, since it is from yourself "
		    "(:addresses)");
		return FLOW_ON;
	}
	if (f == FLOW_ON && mine->n == 0) {
		sieve_trace(r, n,
		    "vacation: no answer, since it was not written to one of "
		    "your addresses");
		return FLOW_ON;
	}
	if (mail_field_find(r->doc.header, SV("From"), &field))
		(void)sieve_addresses_each(field.value, first_address, author);
	if (author->n == 0 || !buf_ok(author))
		buf_set(author, r->message->from);
	if (f == FLOW_ON)
		f = expand_parts(r, n, &p);
	p.mine = buf_sv(mine);
	p.author = buf_sv(author);
	if (f == FLOW_ON)
		f = answered(r, n, p.author, &seen);
	if (f == FLOW_ON && seen)
		sieve_trace(r, n,
		    "vacation: no answer, since \"%s\" got one not long ago",
		    QUOTE(p.author));
	return f == FLOW_ON && !seen ? answer(r, n, &p) : f;
}

enum sieve_flow
sieve_run_vacation(struct sieve_run *r, const struct sieve_node *n)
{
	const char *why;
	struct buf mine, author;
	enum sieve_flow f;

	if (r->vacation_done)
		return sieve_fail(
		    r, n, "\"vacation\" can only be used once for a message");
	if (r->rejected)
		return sieve_fail(r, n,
		    "\"vacation\" cannot be used for a message that has been "
		    "rejected");
	r->vacation_done = true;
	why = r->vacation_before ? "another rule has answered it"
				 : sieve_why_no_answer(r);
	if (why != NULL) {
		sieve_trace(r, n, "vacation: no answer, since %s", why);
		return FLOW_ON;
	}
	buf_init(&mine, 4096);
	buf_init(&author, 4096);
	f = answer_if_due(r, n, &mine, &author);
	buf_fini(&author);
	buf_fini(&mine);
	return f;
}
