/* The header: which fields there are, and what of them is worth a look. */
#include "base/ascii.h"
#include "base/fold.h"
#include "junk/feature_priv.h"

#define FIELDS_MAX 120
#define VALUE_MAX  1000

/* Written by filters and by whoever delivers: not the message's own. */
static bool
is_ours(struct sv name)
{
	static const char *const whole[] = {"return-path", "delivered-to",
	    "authentication-results", "received-spf", "x-original-to",
	    "x-bogosity", "x-virus-scanned", "x-virus-status", "x-dspam-result",
	    "x-rspamd-score", "x-spam", "x-barracuda-spam-score", "x-pyzor",
	    "x-razor", "x-junk", "x-dcc"};
	static const char *const start[] = {"x-spam-", "x-hearthmail-", "arc-",
	    "x-rspamd-", "x-dspam-", "x-microsoft-antispam",
	    "x-forefront-antispam", "x-ms-exchange-organization-scl",
	    "x-proofpoint-spam", "x-mozilla-", "x-evolution", "x-keywords"};
	size_t i;

	for (i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		if (sv_ieq(name, sv_str(whole[i])))
			return true;
	for (i = 0; i < sizeof(start) / sizeof(start[0]); i++)
		if (sv_istarts(name, sv_str(start[i])))
			return true;
	return sv_ieq(name, SV("status")) || sv_ieq(name, SV("x-status")) ||
	       sv_ieq(name, SV("x-uid"));
}

static bool
is_one_of(struct sv name, const char *const *list)
{
	for (; *list != NULL; list++)
		if (sv_ieq(name, sv_str(*list)))
			return true;
	return false;
}

/* Their words say when and by which way, not what: no more than their shape
 * counts. */
static const char *const only_shape[] = {"date", "message-id", "dkim-signature",
    "references", "in-reply-to", "domainkey-signature", "content-length",
    "lines", "x-google-dkim-signature", "x-gm-message-state", "received", NULL};
static const char *const sender[] = {
    "from", "reply-to", "sender", "resent-from", "errors-to", NULL};
static const char *const recipient[] = {"to", "cc", "bcc", "resent-to", NULL};

/* ---- shapes ---- */

/* Letters are a, capitals A, digits 9, runs of one kind are one. */
static void
shape(struct sv s, struct buf *out)
{
	char last = 0;
	size_t i;

	for (i = 0; i < s.n && out->n < 60; i++) {
		char c = s.p[i];

		c = ascii_is_digit(c)	? '9'
		    : ascii_is_upper(c) ? 'A'
		    : ascii_is_lower(c) ? 'a'
		    : ascii_is_graph(c) ? c
					: '_';
		if (c != last)
			buf_addc(out, c);
		last = c;
	}
}

static void
put_shape(struct sink *k, const char *what, struct sv value)
{
	struct buf b;

	buf_init(&b, 64);
	shape(value, &b);
	junk_putf(k, JUNK_HEADER, "%s %.*s", what, SV_ARG(buf_sv(&b)));
	buf_fini(&b);
}

static struct sv
domain_of(struct sv address)
{
	size_t at = sv_rchr(address, '@'), n;
	struct sv d;

	if (at == address.n)
		return SV("");
	d = sv_skip(address, at + 1);
	for (n = 0; n < d.n; n++)
		if (!ascii_is_alnum(d.p[n]) && d.p[n] != '.' && d.p[n] != '-')
			break;
	return sv_first(d, n);
}

struct seen {
	struct buf from, reply_to, to, message_id, sender;
	struct sv last; /* name of the field before */
	unsigned received, fields, recipients;
};

/* ---- one field ---- */

static void
put_sender(struct sink *k, struct sv name, struct sv text)
{
	struct sv d = domain_of(text), local;
	char prefix[16];
	size_t dot;

	fold_ascii(sv_first(name, 10), prefix);
	prefix[name.n < 10 ? name.n : 10] = '\0';
	junk_text_words(k, JUNK_SENDER, text, prefix);
	local = sv_first(text, sv_rchr(text, '@'));
	local = sv_skip(
	    local, sv_rchr(local, '<') < local.n ? sv_rchr(local, '<') + 1 : 0);
	put_shape(k, prefix, local);
	while ((dot = sv_chr(d, '.')) < d.n) {
		junk_putf(k, JUNK_SENDER, "%s @%.*s", prefix, SV_ARG(d));
		d = sv_skip(d, dot + 1);
	}
	junk_putf(k, JUNK_SENDER, "%s top %.*s", prefix, SV_ARG(d));
}

/* Names of hosts with the domains above them, networks of addresses: the
 * way that a message came. */
static void
put_way(struct sink *k, struct sv text)
{
	size_t n, dot;

	while (text.n > 0) {
		struct sv w;
		bool digits = true;

		for (n = 0; n < text.n &&
			    (ascii_is_alnum(text.p[n]) || text.p[n] == '.' ||
				text.p[n] == '-' || text.p[n] == '_');
		     n++)
			digits = digits && !ascii_is_alpha(text.p[n]);
		if (n == 0) {
			text = sv_skip(text, 1);
			continue;
		}
		w = sv_first(text, n);
		text = sv_skip(text, n);
		if (sv_starts(text, SV(";")) || sv_eq(w, SV("id")))
			break;
		if (digits && sv_chr(w, '.') == w.n)
			continue;
		while (w.n > 0 && w.n < 80) {
			junk_put2(k, JUNK_HEADER_WORD, SV("by way of"), w);
			dot = digits ? sv_rchr(w, '.') : sv_chr(w, '.');
			if (dot == w.n)
				break;
			w = digits ? sv_first(w, dot) : sv_skip(w, dot + 1);
		}
	}
}

static void
keep(struct buf *b, struct sv text)
{
	if (b->n == 0)
		buf_addsv(b, text);
}

static void
note_field(struct seen *s, struct sv name, struct sv text)
{
	size_t i;

	if (sv_ieq(name, SV("from")))
		keep(&s->from, text);
	else if (sv_ieq(name, SV("reply-to")))
		keep(&s->reply_to, text);
	else if (sv_ieq(name, SV("to")))
		keep(&s->to, text);
	else if (sv_ieq(name, SV("message-id")))
		keep(&s->message_id, text);
	if (is_one_of(name, recipient))
		for (i = 0; i < text.n; i++)
			s->recipients += text.p[i] == '@';
}

static void
put_words(struct sink *k, struct sv name, struct sv text)
{
	char prefix[32];
	size_t n = name.n < 30 ? name.n : 30;

	fold_ascii(sv_first(name, n), prefix);
	prefix[n] = '\0';
	junk_text_words(k, JUNK_HEADER_WORD, text, prefix);
}

static void
field(struct sink *k, struct seen *s, const struct mime_field *f)
{
	struct buf text, plain, folded;
	struct sv value = sv_first(f->value, VALUE_MAX);

	buf_init(&text, 8 * VALUE_MAX);
	buf_init(&plain, 8 * VALUE_MAX);
	buf_init(&folded, 64);
	mime_header_text(value, &text);
	junk_text_plain(buf_sv(&text), true, &plain);
	note_field(s, f->name, buf_sv(&plain));
	junk_put2(k, JUNK_HEADER, s->last, f->name);
	junk_put(k, JUNK_HEADER, f->name);
	buf_addsv(&folded, sv_first(f->name, 60));
	fold_ascii(buf_sv(&folded), folded.p);
	junk_put2(k, JUNK_HEADER, SV("has"), buf_sv(&folded));
	s->last = f->name;
	if (sv_ieq(f->name, SV("received"))) {
		put_way(k, buf_sv(&plain));
		put_shape(k, "received", buf_sv(&plain));
	} else if (sv_ieq(f->name, SV("subject"))) {
		junk_text_words(k, JUNK_SUBJECT, buf_sv(&plain), NULL);
		junk_text_shape(k, buf_sv(&text), "subject");
	} else if (is_one_of(f->name, sender)) {
		put_sender(k, f->name, buf_sv(&plain));
	} else if (!is_one_of(f->name, only_shape)) {
		put_words(k, f->name, buf_sv(&plain));
	} else if (sv_ieq(f->name, SV("message-id")) ||
		   sv_ieq(f->name, SV("date"))) {
		put_shape(k, sv_ieq(f->name, SV("date")) ? "date" : "id",
		    buf_sv(&text));
	}
	buf_fini(&folded);
	buf_fini(&plain);
	buf_fini(&text);
}

/* ---- the whole ---- */

static void
relations(struct sink *k, const struct seen *s)
{
	struct sv from = domain_of(buf_sv(&s->from));
	struct sv reply = domain_of(buf_sv(&s->reply_to));
	struct sv id = domain_of(buf_sv(&s->message_id));
	struct sv to = domain_of(buf_sv(&s->to));

	junk_putf(
	    k, JUNK_HEADER, "received %u", s->received < 8 ? s->received : 8U);
	junk_putf(k, JUNK_HEADER, "recipients %u",
	    s->recipients < 4	 ? s->recipients
	    : s->recipients < 10 ? 4U
				 : 10U);
	junk_putf(k, JUNK_HEADER, "from=id %d",
	    sv_ends(id, from) || sv_ends(from, id));
	junk_putf(k, JUNK_HEADER, "from=to %d", sv_ieq(to, from));
	if (s->to.n > 0)
		junk_putf(k, JUNK_HEADER, "from==to %d",
		    sv_ieq(buf_sv(&s->to), buf_sv(&s->from)));
	if (s->reply_to.n > 0)
		junk_putf(k, JUNK_HEADER, "from=reply %d", sv_ieq(reply, from));
	if (id.n == 0)
		junk_put(k, JUNK_HEADER, SV("id without domain"));
	if (s->to.n == 0)
		junk_put(k, JUNK_HEADER, SV("no To"));
}

/* On top, until something else comes: what this server wrote. */
static bool
is_own_received(const struct junk_source *src, const struct mime_field *f)
{
	struct sv v = sv_first(f->value, VALUE_MAX);
	size_t at;

	if (src->hostname.n == 0 || !sv_ieq(f->name, SV("received")))
		return false;
	at = sv_ifind(v, SV("by "));
	return at < v.n &&
	       sv_istarts(sv_trim(sv_skip(v, at + 3)), src->hostname);
}

void
junk_header(struct sink *k, const struct junk_source *src, struct sv header)
{
	struct seen s = {0};
	struct mime_field f;
	bool top = true;

	buf_init(&s.from, 8 * VALUE_MAX);
	buf_init(&s.reply_to, 8 * VALUE_MAX);
	buf_init(&s.to, 8 * VALUE_MAX);
	buf_init(&s.message_id, 8 * VALUE_MAX);
	while (s.fields < FIELDS_MAX && mime_field_next(&header, &f)) {
		if (is_ours(f.name) || (top && is_own_received(src, &f)))
			continue;
		top = false;
		s.fields++;
		s.received += sv_ieq(f.name, SV("received"));
		field(k, &s, &f);
	}
	relations(k, &s);
	buf_fini(&s.message_id);
	buf_fini(&s.to);
	buf_fini(&s.reply_to);
	buf_fini(&s.from);
}
