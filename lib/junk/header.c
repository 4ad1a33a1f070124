/* The header: which fields there are, and what of them is worth a look. */
#include "base/ascii.h"
#include "base/fold.h"
#include "base/utf8.h"
#include "junk/feature_priv.h"

#define FIELDS_MAX 80
#define VALUE_MAX  800
#define SHAPE_MAX  60
#define PREFIX_MAX 30

/* ---- which field ---- */

enum field_class {
	FIELD_WORDS,	/* its words count */
	FIELD_OURS,	/* filters and whoever delivers write it */
	FIELD_RECEIVED, /* the way that a message came */
	FIELD_SUBJECT,
	FIELD_SENDER,
	/* Their words say when and by which way, not what. */
	FIELD_SHAPE,
	FIELD_NOTHING
};

enum kept {
	KEPT_NONE,
	KEPT_FROM,
	KEPT_REPLY_TO,
	KEPT_TO,
	KEPT_ID,
	KEPT
};

static const struct {
	struct sv name;
	enum field_class class;
	enum kept kept;
	bool recipients;
} field_row[] = {
    {SV("return-path"), FIELD_OURS, 0, false},
    {SV("delivered-to"), FIELD_OURS, 0, false},
    {SV("authentication-results"), FIELD_OURS, 0, false},
    {SV("received-spf"), FIELD_OURS, 0, false},
    {SV("x-original-to"), FIELD_OURS, 0, false},
    {SV("status"), FIELD_OURS, 0, false},
    {SV("received"), FIELD_RECEIVED, 0, false},
    {SV("subject"), FIELD_SUBJECT, 0, false},
    {SV("from"), FIELD_SENDER, KEPT_FROM, false},
    {SV("reply-to"), FIELD_SENDER, KEPT_REPLY_TO, false},
    {SV("sender"), FIELD_SENDER, 0, false},
    {SV("resent-from"), FIELD_SENDER, 0, false},
    {SV("errors-to"), FIELD_SENDER, 0, false},
    {SV("to"), FIELD_WORDS, KEPT_TO, true},
    {SV("cc"), FIELD_WORDS, 0, true},
    {SV("bcc"), FIELD_WORDS, 0, true},
    {SV("resent-to"), FIELD_WORDS, 0, true},
    {SV("date"), FIELD_SHAPE, 0, false},
    {SV("message-id"), FIELD_SHAPE, KEPT_ID, false},
    {SV("dkim-signature"), FIELD_NOTHING, 0, false},
    {SV("references"), FIELD_NOTHING, 0, false},
    {SV("in-reply-to"), FIELD_NOTHING, 0, false},
    {SV("domainkey-signature"), FIELD_NOTHING, 0, false},
    {SV("content-length"), FIELD_NOTHING, 0, false},
    {SV("lines"), FIELD_NOTHING, 0, false},
    {SV("x-google-dkim-signature"), FIELD_NOTHING, 0, false},
    {SV("x-gm-message-state"), FIELD_NOTHING, 0, false},
};

#define FIELD_ROWS (sizeof(field_row) / sizeof(field_row[0]))

/* What filters, scanners and mail programs write into it on the way and later.
 * By all that begins so. */
static bool
is_of_filter(struct sv name)
{
	static const struct sv start[] = {SV("account-key"), SV("amavis-alert"),
	    SV("antispam"), SV("antivirus"), SV("apple-"), SV("asf-spam"),
	    SV("asg-"), SV("barracuda-"), SV("bogosity"), SV("cloudmark-"),
	    SV("cmae-"), SV("crm114-"), SV("dcc"), SV("dspam-"),
	    SV("evolution"), SV("exchange-antispam"), SV("folder"),
	    SV("forefront-"), SV("gmail-labels"), SV("gmx-anti"), SV("grey"),
	    SV("hearthmail-"), SV("ironport-"), SV("junk"), SV("keywords"),
	    SV("label"), SV("mailscanner"), SV("microsoft-antispam"),
	    SV("mozilla-"), SV("ms-exchange-organization-"), SV("ovh-spam"),
	    SV("policyd-"), SV("proofpoint-"), SV("purgate"), SV("pyzor"),
	    SV("razor"), SV("rspamd-"), SV("sa-exim"), SV("sophos"), SV("spam"),
	    SV("status"), SV("tm-as-"), SV("uid"), SV("virus"), SV("vr-"),
	    SV("yandex-spam")};
	size_t i;

	if (sv_starts(name, SV("arc-")))
		return true;
	if (!sv_starts(name, SV("x-")))
		return false;
	name = sv_skip(name, 2);
	for (i = 0; i < sizeof(start) / sizeof(start[0]); i++)
		if (sv_starts(name, start[i]))
			return true;
	return false;
}

/* Of a folded name: its row, FIELD_ROWS if it has none. */
static size_t
find_row(struct sv name)
{
	size_t i;

	for (i = 0; i < FIELD_ROWS; i++)
		if (name.n > 0 && field_row[i].name.p[0] == name.p[0] &&
		    field_row[i].name.n == name.n &&
		    memcmp(field_row[i].name.p, name.p, name.n) == 0)
			break;
	return i;
}

/* ---- shapes ---- */

/* Letters are a, capitals A, digits 9, runs of one kind are one. */
static void
put_shape(struct sink *k, struct sv what, struct sv s)
{
	char shape[SHAPE_MAX], last = 0;
	size_t i, n = 0;

	for (i = 0; i < s.n && n < SHAPE_MAX; i++) {
		char c = s.p[i];

		c = ascii_is_digit(c)	? '9'
		    : ascii_is_upper(c) ? 'A'
		    : ascii_is_lower(c) ? 'a'
		    : ascii_is_graph(c) ? c
					: '_';
		if (c != last)
			shape[n++] = c;
		last = c;
	}
	junk_put2(k, JUNK_HEADER, what, sv_of(shape, n));
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

/* What is compared at the end. */
struct seen {
	struct buf text[KEPT];
	struct buf plain, folded; /* of the field at hand */
	char last[PREFIX_MAX];	  /* name of the field before */
	size_t last_n;
	unsigned received, fields, recipients;
};

/* ---- one field ---- */

static void
put_sender(struct sink *k, struct sv name, struct sv text)
{
	struct sv d = domain_of(text), local;
	char at_name[PREFIX_MAX + 2];
	size_t dot, n = name.n < 10 ? name.n : 10;

	memcpy(at_name, name.p, n);
	name = sv_first(name, n);
	memcpy(at_name + n, " @", 2);
	junk_text_words(k, JUNK_SENDER, text, name);
	local = sv_first(text, sv_rchr(text, '@'));
	local = sv_skip(
	    local, sv_rchr(local, '<') < local.n ? sv_rchr(local, '<') + 1 : 0);
	put_shape(k, name, local);
	while ((dot = sv_chr(d, '.')) < d.n) {
		junk_put2(k, JUNK_SENDER, sv_of(at_name, n + 2), d);
		d = sv_skip(d, dot + 1);
	}
	memcpy(at_name + n, " .", 2);
	junk_put2(k, JUNK_SENDER, sv_of(at_name, n + 2), d);
}

/* A name of a host and the domains above it, or an address and its networks. */
static void
put_host(struct sink *k, struct sv w, bool digits)
{
	size_t dot;

	while (w.n > 0 && w.n < 80) {
		junk_put2(k, JUNK_HEADER_WORD, SV("by way of"), w);
		dot = digits ? sv_rchr(w, '.') : sv_chr(w, '.');
		if (dot == w.n)
			break;
		w = digits ? sv_first(w, dot) : sv_skip(w, dot + 1);
	}
}

static void
put_way(struct sink *k, struct sv text)
{
	const char *p = text.p, *end = text.p + text.n;

	while (p < end && !junk_is_full(k, JUNK_HEADER_WORD)) {
		bool digits = true, dots = false;
		const char *from = p;
		size_t n;

		for (; p < end && (ascii_is_alnum(*p) || *p == '.' ||
				      *p == '-' || *p == '_');
		     p++) {
			digits = digits && !ascii_is_alpha(*p);
			dots = dots || *p == '.';
		}
		n = (size_t)(p - from);
		if (n == 0) {
			p++;
			continue;
		}
		if ((p < end && *p == ';') ||
		    (n == 2 && memcmp(from, "id", 2) == 0))
			break;
		if (dots || !digits)
			put_host(k, sv_of(from, n), digits);
	}
}

static void
note_field(struct seen *s, size_t row, struct sv text)
{
	size_t i;

	if (row == FIELD_ROWS)
		return;
	if (field_row[row].kept != KEPT_NONE &&
	    s->text[field_row[row].kept].n == 0)
		buf_addsv(&s->text[field_row[row].kept], text);
	for (i = 0; field_row[row].recipients && i < text.n; i++)
		s->recipients += text.p[i] == '@';
}

/* Its text as it is shown, and the same folded. */
static void
read_value(struct seen *s, struct sv value)
{
	struct buf text;

	buf_reset(&s->plain);
	buf_reset(&s->folded);
	if (!utf8_has_8bit(value) && sv_find(value, SV("=?")) == value.n) {
		junk_text_plain(value, &s->plain);
	} else {
		buf_init(&text, 8 * VALUE_MAX);
		mime_header_text(value, &text);
		junk_text_plain(buf_sv(&text), &s->plain);
		buf_fini(&text);
	}
	buf_addsv(&s->folded, buf_sv(&s->plain));
	fold_ascii(buf_sv(&s->folded), s->folded.p);
}

static void
put_name(struct sink *k, struct seen *s, struct sv as_is, struct sv name)
{
	junk_put2(k, JUNK_HEADER, sv_of(s->last, s->last_n), as_is);
	junk_put(k, JUNK_HEADER, as_is);
	junk_put2(k, JUNK_HEADER, SV("has"), name);
	memcpy(s->last, as_is.p, as_is.n);
	s->last_n = as_is.n;
}

static void
field(struct sink *k, struct seen *s, const struct mime_field *f,
    struct sv name, size_t row)
{
	enum field_class class =
	    row < FIELD_ROWS ? field_row[row].class : FIELD_WORDS;
	struct sv text;

	put_name(k, s, sv_first(f->name, PREFIX_MAX), name);
	if (class == FIELD_NOTHING)
		return;
	read_value(s, sv_first(f->value, VALUE_MAX));
	text = buf_sv(&s->folded);
	note_field(s, row, text);
	if (class == FIELD_RECEIVED) {
		s->received++;
		put_way(k, text);
		put_shape(k, name, text);
	} else if (class == FIELD_SUBJECT) {
		junk_text_words(k, JUNK_SUBJECT, text, SV(""));
		junk_text_shape(k, buf_sv(&s->plain), name);
		junk_put_number(
		    k, JUNK_SHAPE, SV("subject length"), junk_log2(s->plain.n));
	} else if (class == FIELD_SENDER) {
		put_sender(k, name, text);
	} else if (class == FIELD_SHAPE) {
		put_shape(k, name, buf_sv(&s->plain));
	} else {
		junk_text_words(k, JUNK_HEADER_WORD, text, name);
	}
}

/* ---- the whole ---- */

static void
relations(struct sink *k, const struct seen *s)
{
	struct sv from = domain_of(buf_sv(&s->text[KEPT_FROM]));
	struct sv reply = domain_of(buf_sv(&s->text[KEPT_REPLY_TO]));
	struct sv id = domain_of(buf_sv(&s->text[KEPT_ID]));
	struct sv to = domain_of(buf_sv(&s->text[KEPT_TO]));

	junk_put_number(
	    k, JUNK_HEADER, SV("received"), s->received < 8 ? s->received : 8);
	junk_put_number(k, JUNK_HEADER, SV("recipients"),
	    s->recipients < 4	 ? s->recipients
	    : s->recipients < 10 ? 4
				 : 10);
	junk_put_number(k, JUNK_HEADER, SV("from=id"),
	    sv_ends(id, from) || sv_ends(from, id));
	junk_put_number(k, JUNK_HEADER, SV("from=to"), sv_ieq(to, from));
	if (s->text[KEPT_TO].n > 0)
		junk_put_number(k, JUNK_HEADER, SV("from==to"),
		    sv_eq(buf_sv(&s->text[KEPT_TO]),
			buf_sv(&s->text[KEPT_FROM])));
	if (s->text[KEPT_REPLY_TO].n > 0)
		junk_put_number(
		    k, JUNK_HEADER, SV("from=reply"), sv_ieq(reply, from));
	if (id.n == 0)
		junk_put(k, JUNK_HEADER, SV("id without domain"));
	if (s->text[KEPT_TO].n == 0)
		junk_put(k, JUNK_HEADER, SV("no To"));
}

/* On top, until something else comes: what this server wrote. */
static bool
is_own_received(
    const struct junk_source *src, const struct mime_field *f, size_t row)
{
	struct sv v = sv_first(f->value, VALUE_MAX);
	size_t at;

	if (src->hostname.n == 0 || row == FIELD_ROWS ||
	    field_row[row].class != FIELD_RECEIVED)
		return false;
	at = sv_ifind(v, SV("by "));
	return at < v.n &&
	       sv_istarts(sv_trim(sv_skip(v, at + 3)), src->hostname);
}

static void
take_fields(struct sink *k, const struct junk_source *src, struct sv header,
    struct seen *s)
{
	struct mime_field f;
	bool top = true;

	while (s->fields < FIELDS_MAX && mime_field_next(&header, &f)) {
		char folded[PREFIX_MAX];
		struct sv name = sv_first(f.name, PREFIX_MAX);
		size_t row;

		fold_ascii(name, folded);
		name.p = folded;
		row = find_row(name);
		if (row < FIELD_ROWS ? field_row[row].class == FIELD_OURS
				     : is_of_filter(name))
			continue;
		if (top && is_own_received(src, &f, row))
			continue;
		top = false;
		s->fields++;
		field(k, s, &f, name, row);
	}
}

void
junk_header(struct sink *k, const struct junk_source *src, struct sv header)
{
	struct seen s = {.fields = 0};
	unsigned i;

	for (i = 0; i < KEPT; i++)
		buf_init(&s.text[i], 8 * VALUE_MAX);
	buf_init(&s.plain, 8 * VALUE_MAX);
	buf_init(&s.folded, 8 * VALUE_MAX);
	(void)buf_reserve(&s.plain, VALUE_MAX);
	(void)buf_reserve(&s.folded, VALUE_MAX);
	take_fields(k, src, header, &s);
	relations(k, &s);
	buf_fini(&s.folded);
	buf_fini(&s.plain);
	for (i = 0; i < KEPT; i++)
		buf_fini(&s.text[i]);
}
