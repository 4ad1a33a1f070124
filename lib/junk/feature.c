#include "junk/feature.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/fold.h"
#include "junk/feature_priv.h"

#define TEXT_HEAD 12288 /* of the text as shown */
#define TEXT_TAIL 4096
#define PART_MAX  131072 /* decoded of one part */
#define PARTS_MAX 40

/* ---- the body ---- */

struct body {
	struct buf shown, hidden, links;
	unsigned texts, htmls;
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

static void
take_text(struct body *b, struct sink *k, struct sv msg,
    const struct mime_msg *m, uint32_t i, bool html)
{
	struct buf text;
	struct mime_part cut = m->part[i];
	struct mime_msg one = {.part = &cut, .n = 1};

	if (cut.body_len > PART_MAX)
		cut.body_len = PART_MAX;
	buf_init(&text, 4 * PART_MAX);
	mime_part_text(msg, &one, 0, &text);
	if (html) {
		struct html_out out = {&b->shown, &b->hidden, &b->links, k};

		junk_html(buf_sv(&text), &out);
		b->htmls++;
	} else {
		buf_addsv(&b->shown, buf_sv(&text));
		junk_text_links(buf_sv(&text), &b->links);
		b->texts++;
	}
	buf_addc(&b->shown, '\n');
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
		junk_putf(k, JUNK_ATTACHMENT, "*.%.*s",
		    SV_ARG(sv_first(sv_skip(buf_sv(&name), dot + 1), 20)));
	}
	junk_putf(k, JUNK_ATTACHMENT, "is %s", magic_of(buf_sv(&start)));
	junk_putf(k, JUNK_ATTACHMENT, "size %d",
	    p->body_len > 0 ? 64 - __builtin_clzll(p->body_len) : 0);
	buf_fini(&start);
	buf_fini(&name);
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
		junk_putf(k, JUNK_SHAPE, "part %.*s", SV_ARG(buf_sv(&type)));
		html = sv_eq(buf_sv(&type), SV("text/html"));
		if (p->kind == MIME_KIND_TEXT && b->shown.n < PART_MAX)
			take_text(b, k, msg, m, i, html);
		else if (p->kind == MIME_KIND_OTHER)
			take_attachment(k, msg, p, buf_sv(&type));
	}
	if (b->htmls > 0 && b->texts == 0)
		junk_put(k, JUNK_SHAPE, SV("only HTML"));
	buf_fini(&type);
}

static void
cut_middle(struct buf *b)
{
	struct sv s = buf_sv(b);

	if (s.n <= TEXT_HEAD + TEXT_TAIL)
		return;
	memmove(b->p + TEXT_HEAD, s.p + s.n - TEXT_TAIL, TEXT_TAIL);
	buf_truncate(b, TEXT_HEAD + TEXT_TAIL);
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
			junk_putf(k, JUNK_URL, "top %.*s",
			    SV_ARG(sv_first(host, 40)));
	}
	junk_putf(k, JUNK_URL, "links %u", n < 4 ? n : n < 10 ? 4U : 10U);
}

static void
body(struct sink *k, struct sv msg, const struct mime_msg *m)
{
	struct body b = {0};
	struct buf plain;

	buf_init(&b.shown, 8 * PART_MAX);
	buf_init(&b.hidden, PART_MAX);
	buf_init(&b.links, PART_MAX);
	buf_init(&plain, PART_MAX);
	take_parts(&b, k, msg, m);
	junk_text_shape(k, buf_sv(&b.shown), "text");
	cut_middle(&b.shown);
	junk_text_plain(buf_sv(&b.shown), false, &plain);
	junk_text_grams(k, JUNK_GRAM, buf_sv(&plain));
	fold_ascii(buf_sv(&plain), plain.p);
	junk_text_words(k, JUNK_WORD, buf_sv(&plain), NULL);
	junk_text_pairs(k, buf_sv(&plain));
	buf_reset(&plain);
	junk_text_plain(sv_first(buf_sv(&b.hidden), 4096), true, &plain);
	junk_text_words(k, JUNK_HIDDEN, buf_sv(&plain), NULL);
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
};

static void
signals(struct sink *k, const struct junk_source *src)
{
	size_t i;

	for (i = 0; i < src->n_signal; i++) {
		const struct junk_signal *s = &src->signal[i];

		if (s->what > 0 &&
		    s->what < sizeof(signal_name) / sizeof(signal_name[0]))
			junk_putf(k, JUNK_SIGNAL, "%s %u", signal_name[s->what],
			    s->value & 15U);
	}
}

static void
take(struct sink *k, const struct junk_source *src)
{
	struct sv msg = sv_first(src->msg, JUNK_MESSAGE_MAX);
	struct mime_limits lim = MIME_LIMITS_DEFAULT;
	struct mime_msg m;

	lim.depth = 16;
	lim.parts = 100;
	lim.header_bytes = 1 << 16;
	lim.header_fields = 500;
	memset(k->out->set, 0, sizeof k->out->set);
	k->out->n = 0;
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
