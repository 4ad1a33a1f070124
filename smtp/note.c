/*
 * What becomes of a message at the door, for its owner's history: of those that
 * have a recipient a step each, of all else only numbers.
 */
#include "mime/mime.h"
#include "smtp/smtp_priv.h"

#define FIELD_MAX 2000 /* bytes of a field that are looked at */
#define TEXT_MAX  500  /* of a subject or Message-ID that are kept */

void
smtp_note_init(struct smtp_transaction *t)
{
	buf_init(&t->rcpts, HISTORY_WHO_MAX - 1);
	buf_init(&t->subject, 4 * FIELD_MAX);
	buf_init(&t->message_id, FIELD_MAX);
}

void
smtp_note_fini(struct smtp_transaction *t)
{
	buf_fini(&t->rcpts);
	buf_fini(&t->subject);
	buf_fini(&t->message_id);
}

void
smtp_note_reset(struct smtp_transaction *t)
{
	buf_reset(&t->rcpts);
	buf_reset(&t->subject);
	buf_reset(&t->message_id);
}

void
smtp_note_rcpt(struct smtp_transaction *t, struct sv address)
{
	if (t->rcpts.n + address.n + 1 > t->rcpts.max)
		return;
	buf_adds(&t->rcpts, t->rcpts.n > 0 ? " " : "");
	buf_addsv(&t->rcpts, address);
}

/* What is between its angles [RFC 5322 3.6.4]; without any, all of it. */
static struct sv
inside_angles(struct sv s)
{
	size_t from = sv_chr(s, '<'), to;

	if (from == s.n)
		return sv_trim(s);
	s = sv_skip(s, from + 1);
	to = sv_chr(s, '>');
	return sv_first(s, to);
}

/* No cut inside a character. */
static struct sv
cut(struct sv s)
{
	if (s.n <= TEXT_MAX)
		return s;
	s.n = TEXT_MAX;
	while (s.n > 0 && ((unsigned char)s.p[s.n] & 0xc0) == 0x80)
		s.n--;
	return s;
}

void
smtp_note_header(struct smtp_session *s, struct sv header)
{
	struct smtp_transaction *t = &s->t;
	struct mime_field f;
	bool subject = false, id = false;

	if (s->c->o->ops->note == NULL)
		return;
	while (!(subject && id) && mime_field_next(&header, &f)) {
		struct sv value = sv_first(f.value, FIELD_MAX);

		if (!subject && sv_ieq(f.name, SV("subject"))) {
			subject = true;
			buf_reset(&t->subject);
			mime_header_text(value, &t->subject);
		} else if (!id && sv_ieq(f.name, SV("message-id"))) {
			id = true;
			buf_set(&t->message_id, inside_angles(value));
		}
	}
}

/* ---- steps ---- */

static struct history_step
step_of(const struct smtp_session *s, enum history_kind kind)
{
	const struct smtp_transaction *t = &s->t;
	struct history_step step = {.kind = (uint8_t)kind,
	    .count = HISTORY_C_NONE,
	    .flags = stream_is_tls(s->st) ? HISTORY_TLS : 0,
	    .who = buf_sv(&t->rcpts),
	    .account = sv_str(s->authed ? s->login.account : ""),
	    .peer = sv_str(s->c->peer),
	    .sender = buf_sv(&t->sender),
	    .message_id = cut(buf_sv(&t->message_id)),
	    .subject = cut(buf_sv(&t->subject))};

	memcpy(step.id, t->id, sizeof step.id);
	return step;
}

/* Who opens it may want to know that nobody has. */
static void
add_scan(const struct smtp_transaction *t, struct buf *out)
{
	static const char *const words[] = {
	    [CLAMD_CLEAN] = NULL,
	    [CLAMD_FOUND] = NULL,
	    [CLAMD_TOO_LARGE] = "too large for ClamAV to look at",
	    [CLAMD_ENCRYPTED] = "with an archive that ClamAV cannot open",
	    [CLAMD_FAILED] = "not looked at by ClamAV, which did not answer",
	    [CLAMD_NEVER] = "to the junk: ClamAV could not look at it, as "
			    "often as it came",
	};

	if (words[t->virus] != NULL)
		buf_addf(out, "%s%s", out->n > 0 ? "; " : "", words[t->virus]);
}

/* Why the policy of its author was not done, or was. */
static void
add_reason(const struct smtp_arrival *a, bool judged_junk, struct buf *out)
{
	static const char *const words[VERDICT_OVERRIDES] = {
	    [VERDICT_AS_ASKED] = "",
	    [VERDICT_LIST] = "taken from a mailing list that is known here: ",
	    [VERDICT_ARC] = "taken since it is vouched for (ARC) by ",
	    [VERDICT_OWNER] = "taken since inbound.dmarc asks for less",
	    [VERDICT_OTHERS] = "taken since another recipient's domain does",
	    [VERDICT_UNKNOWN] = "taken after name servers did not answer for "
				"long",
	};
	const struct verdict *v = &a->verdict;

	if (a->judged && v->override != VERDICT_AS_ASKED &&
	    v->override < VERDICT_OVERRIDES)
		buf_addf(out, "; %s%s", words[v->override],
		    v->override == VERDICT_LIST || v->override == VERDICT_ARC
			? v->other
			: "");
	if (judged_junk && a->judged && v->listed[0] != '\0')
		buf_addf(out, "; to the junk: its address is on %s", v->listed);
	else if (judged_junk && a->judged && v->domain[0] != '\0')
		buf_addf(out,
		    "; to the junk: nothing confirms that it is from %s",
		    v->domain);
	else if (judged_junk)
		buf_adds(out, "; to the junk: its author is unclear");
}

void
smtp_note_accepted(struct smtp_session *s, int64_t since, uint64_t size,
    const char *judged, const struct smtp_arrival *arrived)
{
	const struct smtp_server_opts *o = s->c->o;
	struct history_step step = step_of(s, HISTORY_ACCEPTED);
	struct buf text;

	if (o->ops->note == NULL)
		return;
	buf_init(&text, HISTORY_TEXT_MAX - 1);
	buf_addsv(&text, sv_trim(sv_str(judged)));
	add_reason(arrived, arrived->junk && s->t.virus != CLAMD_NEVER, &text);
	add_scan(&s->t, &text);
	step.when = since;
	step.count = o->submission ? HISTORY_C_SUBMITTED : HISTORY_C_RECEIVED;
	step.number = size;
	step.text = buf_sv(&text);
	if (arrived->junk)
		step.flags |= HISTORY_JUNK;
	o->ops->note(o->ctx, &step);
	buf_fini(&text);
}

/* As what a refusal is counted. */
static enum history_count
class_of(const struct smtp_session *s, int code, struct sv enhanced)
{
	static const struct {
		struct sv prefix;
		enum history_count count;
	} row[] = {{SV("4.2.2"), HISTORY_C_FULL}, {SV("4.3.1"), HISTORY_C_FULL},
	    {SV("4.7."), HISTORY_C_RATE}, {SV("4."), HISTORY_C_DEFERRED},
	    {SV("5.1.1"), HISTORY_C_UNKNOWN}, {SV("5.7."), HISTORY_C_POLICY},
	    {SV("5.3.4"), HISTORY_C_SIZE}, {SV("5.1."), HISTORY_C_FORM},
	    {SV("5.5."), HISTORY_C_FORM}, {SV("5.6."), HISTORY_C_FORM}};
	size_t i;

	if (s->refused_rcpt.n > 0 && sv_eq(enhanced, SV("5.7.1")) &&
	    !s->c->o->submission)
		return HISTORY_C_RELAY;
	for (i = 0; i < sizeof row / sizeof row[0]; i++)
		if (sv_starts(enhanced, row[i].prefix))
			return row[i].count;
	return code / 100 == 4 ? HISTORY_C_DEFERRED : HISTORY_C_OTHER;
}

static void
add_line(struct buf *out, const char *text)
{
	struct sv rest = sv_str(text);

	while (rest.n > 0) {
		buf_adds(out, out->n > 0 ? " " : "");
		buf_addsv(out, sv_split(&rest, '\n'));
	}
}

void
smtp_note_refusal(
    struct smtp_session *s, int code, const char *enhanced, const char *text)
{
	const struct smtp_server_opts *o = s->c->o;
	const struct smtp_transaction *t = &s->t;
	struct history_step step =
	    step_of(s, code / 100 == 5 ? HISTORY_REFUSED : HISTORY_DEFERRED);
	bool of_mail = s->refused_mail.n > 0, of_rcpt = s->refused_rcpt.n > 0;
	struct buf words;

	if (o->ops->note == NULL || code == 421 ||
	    (!of_mail && !of_rcpt && !t->receiving && !s->gives_up))
		return;
	step.count = (uint8_t)class_of(s, code, sv_str(enhanced));
	/* Whom it is for is known, or at least whose it is. */
	if (!t->has_id || (of_mail && !s->authed)) {
		o->ops->count(o->ctx, (enum history_count)step.count);
		return;
	}
	buf_init(&words, HISTORY_TEXT_MAX - 1);
	buf_adds(&words, enhanced);
	add_line(&words, text);
	step.code = (uint32_t)code;
	step.text = buf_sv(&words);
	if (of_rcpt)
		step.who = s->refused_rcpt;
	o->ops->note(o->ctx, &step);
	buf_fini(&words);
}

void
smtp_note_broken_off(struct smtp_session *s)
{
	const struct smtp_server_opts *o = s->c->o;
	struct history_step step = step_of(s, HISTORY_DEFERRED);

	if (o->ops->note == NULL)
		return;
	step.count = HISTORY_C_DEFERRED;
	step.text = SV("the connection ended before the end of the message");
	if (s->t.too_big) {
		step.kind = HISTORY_REFUSED;
		step.count = HISTORY_C_SIZE;
		step.text = SV("the message is far too large; the connection "
			       "was ended");
	}
	o->ops->note(o->ctx, &step);
}
