#include "junk/feature.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/fold.h"
#include "junk/feature_priv.h"

/* How much of the text as shown is looked at: of the first part and of each
 * that follows, which often says the same again. */
#define TEXT_HEAD  1280
#define TEXT_TAIL  256
#define MORE_HEAD  768
#define MORE_TAIL  128
#define TEXT_ALL   5120
#define HIDDEN_ALL 2048
/* And how much of a part to find it in. */
#define RAW_TEXT 6144
#define RAW_HTML 16384
#define RAW_TAIL 1024

#define SHAPE_OF  2048 /* bytes of the text */
#define BODY_MAX  (48 << 10)
#define PARTS_MAX 40

/* ---- the body ---- */

struct body {
	struct buf shown, hidden, links;
	size_t length;		       /* of all parts that are text */
	unsigned texts, htmls, others; /* others: of the same in other forms */
};

static void
part_type(struct sv msg, const struct mime_part *p, struct buf *out)
{
	struct sv v,
	    header = sv_first(sv_skip(msg, p->header_off), p->header_len);
	size_t i;

	if (!mime_field_find(header, SV("Content-Type"), &v))
		v = SV("text/plain");
	v = sv_trim(sv_first(v, sv_chr(v, ';')));
	for (i = 0; i < v.n && i < 80; i++)
		buf_addc(out, ascii_lower(v.p[i]));
}

/* Bytes of a part as text. */
static void
decode(struct sv msg, const struct mime_part *p, uint64_t off, uint64_t len,
    struct buf *out)
{
	struct mime_part piece = *p;
	struct mime_msg one = {.part = &piece, .n = 1};

	piece.body_off += off;
	piece.body_len = len;
	buf_reset(out);
	mime_part_text(msg, &one, 0, out);
}

/* What of it is shown, up to `most` bytes; returns what is left. */
static struct sv
show(struct body *b, struct sink *k, struct sv text, bool html, size_t most)
{
	struct html_out out = {
	    &b->shown, &b->hidden, &b->links, b->shown.n + most, k};
	size_t n;

	if (html) {
		n = junk_html(text, &out);
		buf_truncate(&b->shown,
		    b->shown.n < out.shown_max ? b->shown.n : out.shown_max);
	} else {
		n = text.n < most ? text.n : most;
		buf_addsv(&b->shown, sv_first(text, n));
		junk_text_links(sv_first(text, n), &b->links);
	}
	buf_addc(&b->shown, '\n');
	return sv_skip(text, n);
}

/* Is it hardly anything but blanks? */
static bool
is_thin(struct sv shown, size_t most)
{
	size_t n = 0;

	for (size_t i = 0; i < shown.n && n < most / 24; i++)
		n += (unsigned char)shown.p[i] > ' ';
	return n < most / 24;
}

/* Where blanks, styles or comments take the room of what is shown: all of it,
 * and the blanks as one. */
static void
take_thin(struct body *b, struct sink *k, struct sv msg,
    const struct mime_part *p, bool html, size_t most, size_t tail)
{
	size_t from = b->shown.n;
	struct buf text, plain;
	struct sv rest;

	buf_init(&text, 4 * BODY_MAX);
	buf_init(&plain, 4 * BODY_MAX);
	decode(msg, p, 0, p->body_len, &text);
	(void)show(b, k, buf_sv(&text), html, BODY_MAX);
	junk_text_plain(sv_skip(buf_sv(&b->shown), from), &plain);
	buf_truncate(&b->shown, from);
	buf_addsv(&b->shown, sv_first(buf_sv(&plain), most));
	buf_addc(&b->shown, '\n');
	rest = sv_skip(buf_sv(&plain), most);
	buf_addsv(&b->shown, sv_skip(rest, rest.n > tail ? rest.n - tail : 0));
	buf_addc(&b->shown, '\n');
	buf_fini(&plain);
	buf_fini(&text);
}

/* Where the last bytes of a body begin, so that they can be decoded: base64
 * comes by four characters. */
static uint64_t
tail_begin(struct sv msg, const struct mime_part *p)
{
	struct sv body = sv_first(sv_skip(msg, p->body_off), p->body_len);
	size_t at = body.n - RAW_TAIL, n = 0;

	if (p->encoding != MIME_ENC_BASE64)
		return at;
	for (size_t i = 0; i < at; i++)
		n += ascii_is_graph(body.p[i]);
	while (n % 4 != 0 && at < body.n)
		n += ascii_is_graph(body.p[at++]);
	return at;
}

/* Its head and its tail, and all links. */
static void
take_text(struct body *b, struct sink *k, struct sv msg,
    const struct mime_part *p, bool html)
{
	bool first = b->texts + b->htmls == 0;
	uint64_t raw = html ? RAW_HTML : RAW_TEXT;
	size_t tail = first ? TEXT_TAIL : MORE_TAIL;
	size_t most = first ? TEXT_HEAD : MORE_HEAD;
	size_t from = b->shown.n, hidden = b->hidden.n;
	struct buf text;
	struct sv rest;

	b->length += p->body_len;
	if (html)
		b->htmls++;
	else
		b->texts++;
	buf_init(&text, 4 * RAW_HTML);
	decode(msg, p, 0, p->body_len < raw ? p->body_len : raw, &text);
	rest = show(b, k, buf_sv(&text), html, most);
	junk_text_links(rest, &b->links);
	if (is_thin(sv_skip(buf_sv(&b->shown), from), most) &&
	    (rest.n > 0 || p->body_len > raw)) {
		buf_fini(&text);
		buf_truncate(&b->shown, from);
		buf_truncate(&b->hidden, hidden);
		take_thin(b, k, msg, p, html, most, tail);
		return;
	}
	if (p->body_len > raw + RAW_TAIL) {
		uint64_t at = tail_begin(msg, p);

		decode(msg, p, at, p->body_len - at, &text);
		rest = buf_sv(&text);
	}
	if (rest.n > RAW_TAIL)
		rest = sv_skip(rest, rest.n - RAW_TAIL);
	from = b->shown.n;
	(void)show(b, k, rest, html, RAW_TAIL);
	if (b->shown.n - from > tail) {
		memmove(
		    b->shown.p + from, b->shown.p + b->shown.n - tail, tail);
		buf_truncate(&b->shown, from + tail);
	}
	buf_fini(&text);
}

/* The content's first bytes tell what a name may hide. */
static const char *
magic_of(struct sv b)
{
	static const struct {
		struct sv start;
		const char *what;
	} row[] = {
	    {SV("MZ"), "program"},
	    {SV("\177ELF"), "program"},
	    {SV("#!"), "script"},
	    {SV("PK\3\4"), "zip"},
	    {SV("Rar!"), "rar"},
	    {SV("7z\274\257"), "7z"},
	    {SV("\037\213"), "gzip"},
	    {SV("%PDF"), "pdf"},
	    {SV("\320\317\021\340"), "office"},
	    {SV("GIF8"), "gif"},
	    {SV("\377\330"), "jpeg"},
	    {SV("\211PNG"), "png"},
	    {SV("{\\rtf"), "rtf"},
	    {SV("<html"), "html"},
	    {SV("<!DOC"), "html"},
	};
	size_t i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (sv_istarts(b, row[i].start))
			return row[i].what;
	return "other";
}

static void
take_attachment(
    struct sink *k, struct sv msg, const struct mime_part *p, struct sv type)
{
	struct sv v,
	    header = sv_first(sv_skip(msg, p->header_off), p->header_len);
	struct sv body = sv_first(sv_skip(msg, p->body_off), p->body_len);
	struct buf name, start;
	size_t dot;

	buf_init(&name, 1024);
	buf_init(&start, 4096);
	buf_addc(&name, '*');
	junk_put(k, JUNK_ATTACHMENT, type);
	if (!mime_field_find(header, SV("Content-Disposition"), &v) ||
	    !mime_param(v, SV("filename"), &name))
		if (mime_field_find(header, SV("Content-Type"), &v))
			(void)mime_param(v, SV("name"), &name);
	mime_decode_body(
	    sv_first(body, 400), (enum mime_encoding)p->encoding, &start);
	dot = sv_rchr(buf_sv(&name), '.');
	if (dot < name.n) {
		fold_ascii(buf_sv(&name), name.p);
		name.p[dot - 1] = '*';
		junk_put(k, JUNK_ATTACHMENT,
		    sv_first(sv_skip(buf_sv(&name), dot - 1), 22));
	}
	junk_put2(
	    k, JUNK_ATTACHMENT, SV("is"), sv_str(magic_of(buf_sv(&start))));
	junk_put_number(k, JUNK_ATTACHMENT, SV("size"), junk_log2(p->body_len));
	buf_fini(&start);
	buf_fini(&name);
}

/* Of the same text in several forms people see the last: all others are not
 * looked at. */
static bool
is_passed_over(
    struct sv msg, const struct mime_msg *m, uint32_t i, struct buf *type)
{
	uint32_t up = m->part[i].parent, next = m->part[i].next;

	if (up == MIME_NONE || next == MIME_NONE ||
	    m->part[next].kind != MIME_KIND_TEXT)
		return false;
	buf_reset(type);
	part_type(msg, &m->part[up], type);
	return sv_eq(buf_sv(type), SV("multipart/alternative"));
}

static void
take_parts(
    struct body *b, struct sink *k, struct sv msg, const struct mime_msg *m)
{
	struct buf type;
	uint32_t i;

	buf_init(&type, 100);
	for (i = 0; i < m->n && i < PARTS_MAX; i++) {
		const struct mime_part *p = &m->part[i];
		bool html;

		buf_reset(&type);
		part_type(msg, p, &type);
		junk_put2(k, JUNK_SHAPE, SV("part"), buf_sv(&type));
		html = sv_eq(buf_sv(&type), SV("text/html"));
		if (p->kind == MIME_KIND_TEXT &&
		    is_passed_over(msg, m, i, &type))
			b->others++;
		else if (p->kind == MIME_KIND_TEXT && b->shown.n < TEXT_ALL)
			take_text(b, k, msg, p, html);
		else if (p->kind == MIME_KIND_OTHER)
			take_attachment(k, msg, p, buf_sv(&type));
	}
	if (b->htmls > 0 && b->texts + b->others == 0)
		junk_put(k, JUNK_SHAPE, SV("only HTML"));
	buf_fini(&type);
}

static void
links(struct sink *k, struct sv all)
{
	unsigned n = 0;

	while (all.p != NULL && n < 100) {
		struct sv host = sv_split(&all, '\n');
		size_t dot;

		if (host.n == 0)
			continue;
		n++;
		/* The name and each domain above it but the last. */
		while ((dot = sv_chr(host, '.')) < host.n) {
			junk_put(k, JUNK_URL, host);
			host = sv_skip(host, dot + 1);
		}
		if (host.n > 0 && host.p[0] != '.')
			junk_put2(k, JUNK_URL, SV("top"), sv_first(host, 40));
	}
	junk_put_number(k, JUNK_URL, SV("links"), n < 4 ? n : n < 10 ? 4 : 10);
}

static void
body(struct sink *k, struct sv msg, const struct mime_msg *m)
{
	struct body b = {.length = 0};
	struct buf plain;

	/* HTML's last run of text may be long. */
	buf_init(&b.shown, 8 * RAW_HTML);
	buf_init(&b.hidden, 8 * RAW_HTML);
	buf_init(&b.links, 8 * RAW_HTML);
	buf_init(&plain, 8 * RAW_HTML);
	(void)buf_reserve(&b.shown, 2 * RAW_TEXT);
	take_parts(&b, k, msg, m);
	junk_text_shape(k, sv_first(buf_sv(&b.shown), SHAPE_OF), SV("text"));
	junk_put_number(k, JUNK_SHAPE, SV("text length"), junk_log2(b.length));
	junk_text_plain(buf_sv(&b.shown), &plain);
	junk_text_grams(k, buf_sv(&plain));
	junk_text_said(k, buf_sv(&plain));
	buf_reset(&plain);
	junk_text_plain(sv_first(buf_sv(&b.hidden), HIDDEN_ALL), &plain);
	junk_text_words(k, JUNK_HIDDEN, buf_sv(&plain), SV(""));
	links(k, buf_sv(&b.links));
	buf_fini(&plain);
	buf_fini(&b.links);
	buf_fini(&b.hidden);
	buf_fini(&b.shown);
}

/* ---- the message ---- */

static const char *const signal_name[] = {
    [JUNK_SIG_SPF] = "spf",
    [JUNK_SIG_DKIM] = "dkim",
    [JUNK_SIG_DMARC] = "dmarc",
    [JUNK_SIG_IPREV] = "iprev",
    [JUNK_SIG_LISTED] = "listed",
    [JUNK_SIG_KNOWN] = "known",
    [JUNK_SIG_DOMAIN] = "domain",
    [JUNK_SIG_NETWORK] = "network",
};

static void
signals(struct sink *k, const struct junk_source *src)
{
	size_t i;

	for (i = 0; i < src->n_signal; i++) {
		const struct junk_signal *s = &src->signal[i];

		if (s->what > 0 &&
		    s->what < sizeof(signal_name) / sizeof(signal_name[0]))
			junk_put_number(k, JUNK_SIGNAL,
			    sv_str(signal_name[s->what]), s->value & 15U);
	}
}

/* The header, and of the body the beginning: the same of it, whatever the
 * header has grown by on the way. */
static struct sv
beginning(struct sv msg)
{
	const char *p = msg.p, *end = msg.p + msg.n, *nl = NULL;

	while (p < end && (nl = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		p = nl + 1;
		if (p < end && *p == '\r')
			p++;
		if (p < end && *p == '\n')
			break;
	}
	return nl == NULL ? msg : sv_first(msg, (size_t)(p - msg.p) + BODY_MAX);
}

static void
take(struct sink *k, const struct junk_source *src)
{
	struct mime_limits lim = MIME_LIMITS_DEFAULT;
	struct sv msg = beginning(src->msg);
	struct mime_msg m;

	lim.depth = 16;
	lim.parts = 100;
	lim.header_bytes = 1 << 15;
	lim.header_fields = 300;
	junk_sink_begin(k);
	mime_parse(msg, &lim, &m);
	signals(k, src);
	junk_header(k, src, sv_first(msg, m.part[0].header_len));
	body(k, msg, &m);
	mime_msg_fini(&m);
}

void
junk_features_take(const struct junk_source *src, struct junk_features *out)
{
	struct sink k = {.out = out, .kinds = src->kinds};

	take(&k, src);
}

void
junk_features_name(const struct junk_source *src, const uint32_t *wanted,
    size_t n, junk_name_fn *fn, void *arg)
{
	struct junk_features *f = xmalloc(sizeof(*f));
	struct sink k = {
	    .out = f,
	    .kinds = src->kinds,
	    .wanted = wanted,
	    .n_wanted = n,
	    .fn = fn,
	    .arg = arg,
	};

	take(&k, src);
	free(f);
}
