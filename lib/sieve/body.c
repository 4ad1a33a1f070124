/* body [RFC 5173]. */
#include "sieve/body.h"

#include <string.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "mail/field.h"
#include "sieve/check.h"
#include "sieve/commands.h"
#include "sieve/match.h"
#include "sieve/mimefield.h"

/* What a byte of a part costs. */
#define PLAIN_WORK   1
#define ENCODED_WORK 6
#define HTML_WORK    14
#define PART_WORK    500 /* of finding out what it is */

/* ---- the text of HTML ---- */

/* Elements whose text is not shown. */
static bool
is_hidden(struct sv tag)
{
	return sv_ieq(tag, SV("script")) || sv_ieq(tag, SV("style")) ||
	       sv_ieq(tag, SV("head"));
}

/* Elements that do not separate words. */
static bool
is_inline(struct sv tag)
{
	static const struct sv all[] = {SV("a"), SV("b"), SV("i"), SV("u"),
	    SV("em"), SV("strong"), SV("span"), SV("font"), SV("small"),
	    SV("big"), SV("sub"), SV("sup"), SV("code"), SV("tt"), SV("wbr")};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (sv_ieq(tag, all[i]))
			return true;
	return false;
}

/* Cuts "<...>" off; its name; end: it begins with a slash. */
static struct sv
take_tag(struct sv *s, bool *end)
{
	size_t n;
	struct sv name;

	if (sv_starts(*s, SV("<!--"))) {
		n = sv_find(*s, SV("-->"));
		*s = sv_skip(*s, n + 3);
		*end = true;
		return SV("b");
	}
	*s = sv_skip(*s, 1);
	*end = s->n > 0 && s->p[0] == '/';
	if (*end)
		*s = sv_skip(*s, 1);
	n = 0;
	while (n < s->n && ascii_is_alnum(s->p[n]))
		n++;
	name = sv_first(*s, n);
	*s = sv_skip(*s, sv_chr(*s, '>') + 1);
	return name;
}

/* "&amp;" and its like; false: it is not one. */
static bool
take_entity(struct sv *s, struct buf *out)
{
	static const struct {
		struct sv name, value;
	} all[] = {{SV("&amp;"), SV("&")}, {SV("&lt;"), SV("<")},
	    {SV("&gt;"), SV(">")}, {SV("&quot;"), SV("\"")},
	    {SV("&apos;"), SV("'")}, {SV("&nbsp;"), SV(" ")}};
	size_t end = sv_chr(sv_first(*s, 12), ';'), i = 2;
	uint32_t cp = 0;
	bool hex;

	for (size_t k = 0; k < sizeof all / sizeof all[0]; k++)
		if (sv_istarts(*s, all[k].name)) {
			buf_addsv(out, all[k].value);
			*s = sv_skip(*s, all[k].name.n);
			return true;
		}
	if (s->n < 4 || s->p[1] != '#' || end >= 12 || end >= s->n)
		return false;
	hex = ascii_lower(s->p[2]) == 'x';
	for (i += hex; i < end; i++) {
		int d = ascii_hex(s->p[i]);

		if (d < 0 || (!hex && d > 9) || cp > 0x10ffff)
			return false;
		cp = cp * (hex ? 16 : 10) + (uint32_t)d;
	}
	if (cp == 0 || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return false;
	utf8_put(out, cp);
	*s = sv_skip(*s, end + 1);
	return true;
}

/* Blanks and line ends are one blank, and none at the front, as they are
 * shown. */
static void
add_blank(struct buf *out)
{
	if (out->n > 0 && out->p[out->n - 1] != ' ')
		buf_addc(out, ' ');
}

static void
add_shown(struct sv text, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++)
		if (ascii_is_blank(text.p[i]))
			add_blank(out);
		else
			buf_addc(out, text.p[i]);
}

void
sieve_html_text(struct sv html, struct buf *out)
{
	struct sv hidden = SV("");

	while (html.n > 0) {
		size_t n =
		    hidden.n == 0 ? sv_chr(html, '<') : sv_find(html, SV("</"));
		struct sv text = sv_first(html, n), tag;
		bool end;

		html = sv_skip(html, n);
		while (hidden.n == 0 && text.n > 0) {
			size_t amp = sv_chr(text, '&');

			add_shown(sv_first(text, amp), out);
			text = sv_skip(text, amp);
			if (text.n > 0 && !take_entity(&text, out)) {
				buf_addc(out, '&');
				text = sv_skip(text, 1);
			}
		}
		if (html.n == 0)
			break;
		tag = take_tag(&html, &end);
		if (hidden.n > 0) {
			if (end && sv_ieq(tag, hidden))
				hidden = SV("");
		} else if (!end && is_hidden(tag)) {
			hidden = tag;
		} else if (!is_inline(tag)) {
			add_blank(out);
		}
	}
	if (out->n > 0 && out->p[out->n - 1] == ' ')
		buf_truncate(out, out->n - 1);
}

/* ---- parts ---- */

bool
sieve_part_type(
    struct sv whole, const struct mime_part *p, struct sv *type, struct sv *sub)
{
	struct sv header = sv_of(whole.p + p->header_off, p->header_len);
	struct mail_field f;

	if (mail_field_find(header, SV("Content-Type"), &f) &&
	    sieve_content_type(f.value, type, sub))
		return true;
	*type = p->kind == MIME_KIND_MESSAGE ? SV("message") : SV("text");
	*sub = p->kind == MIME_KIND_MESSAGE ? SV("rfc822") : SV("plain");
	return false;
}

static bool
type_fits(struct sv want, struct sv type, struct sv sub)
{
	size_t slash = sv_chr(want, '/');

	if (want.n == 0)
		return true;
	if (slash == want.n)
		return sv_ieq(want, type);
	return slash > 0 && sv_ieq(sv_first(want, slash), type) &&
	       sv_ieq(sv_skip(want, slash + 1), sub);
}

/* HTML under the name of XML [RFC 3236]. */
static bool
is_xhtml(struct sv type, struct sv sub)
{
	return sv_ieq(type, SV("application")) && sv_ieq(sub, SV("xhtml+xml"));
}

/* Without the last line, and the line break before it: the delimiter. */
static struct sv
before_delimiter(struct sv s)
{
	if (s.n > 0 && s.p[s.n - 1] == '\n')
		s.n--;
	s = sv_first(s, sv_rchr(s, '\n'));
	if (s.n > 0 && s.p[s.n - 1] == '\r')
		s.n--;
	return s;
}

/* Behind "CRLF--boundary--CRLF". */
static struct sv
behind_delimiter(struct sv s)
{
	if (s.n > 0 && s.p[0] == '\r')
		s = sv_skip(s, 1);
	if (s.n > 0 && s.p[0] == '\n')
		s = sv_skip(s, 1);
	if (!sv_starts(s, SV("--")))
		return SV("");
	return sv_skip(s, sv_chr(s, '\n') + 1);
}

/* What is in front of the first part, and behind the last one. */
static enum sieve_flow
match_multipart(struct sieve_matcher *m, struct sv whole,
    const struct mime_msg *msg, const struct mime_part *p)
{
	struct sv body = sv_of(whole.p + p->body_off, p->body_len);
	const struct mime_part *c;
	enum sieve_flow f;
	uint32_t i = p->first_child;
	uint64_t end;

	if (i == MIME_NONE)
		return sieve_matcher_value(m, body);
	c = &msg->part[i];
	f = sieve_matcher_value(
	    m, before_delimiter(sv_first(body, c->header_off - p->body_off)));
	if (f != FLOW_ON || m->hit)
		return f;
	while (c->next != MIME_NONE)
		c = &msg->part[c->next];
	end = c->body_off + c->body_len - p->body_off;
	return sieve_matcher_value(m, behind_delimiter(sv_skip(body, end)));
}

static enum sieve_flow
match_text(struct sieve_matcher *m, struct sv text, bool html)
{
	enum sieve_flow f;
	struct buf b;

	if (!html)
		return sieve_matcher_value(m, text);
	buf_init(&b, 4 * text.n + 16);
	sieve_html_text(text, &b);
	f = sieve_matcher_value(m, buf_sv(&b));
	buf_fini(&b);
	return f;
}

void
sieve_part_content(
    struct sv whole, const struct mime_msg *msg, uint32_t i, struct buf *out)
{
	const struct mime_part *p = &msg->part[i];

	if (mime_part_is_text(whole, p))
		mime_part_text(whole, msg, i, out);
	else
		mime_decode_body(sv_of(whole.p + p->body_off, p->body_len),
		    (enum mime_encoding)p->encoding, out);
}

void
sieve_part_shown(
    struct sv whole, const struct mime_msg *msg, uint32_t i, struct buf *out)
{
	struct sv type, sub;
	struct buf b;

	if (!sieve_part_type(whole, &msg->part[i], &type, &sub) ||
	    !(sv_ieq(sub, SV("html")) || is_xhtml(type, sub))) {
		sieve_part_content(whole, msg, i, out);
		return;
	}
	buf_init(&b, 4 * msg->part[i].body_len + 64);
	sieve_part_content(whole, msg, i, &b);
	sieve_html_text(buf_sv(&b), out);
	buf_fini(&b);
}

/* html: as :text, what is shown of it. */
static enum sieve_flow
match_part(struct sieve_matcher *m, struct sv whole, const struct mime_msg *msg,
    uint32_t i, bool html)
{
	const struct mime_part *p = &msg->part[i];
	enum sieve_flow f;
	struct buf b;

	if (p->kind == MIME_KIND_MULTIPART)
		return match_multipart(m, whole, msg, p);
	if (p->kind == MIME_KIND_MESSAGE && p->first_child != MIME_NONE) {
		const struct mime_part *c = &msg->part[p->first_child];

		return sieve_matcher_value(
		    m, sv_of(whole.p + c->header_off, c->header_len));
	}
	f = sieve_charge(m->r, m->n,
	    (html				   ? HTML_WORK
		: p->encoding == MIME_ENC_IDENTITY ? PLAIN_WORK
						   : ENCODED_WORK) *
		p->body_len);
	if (f != FLOW_ON)
		return f;
	buf_init(&b, 4 * p->body_len + 64);
	sieve_part_content(whole, msg, i, &b);
	f = match_text(m, buf_sv(&b), html);
	buf_fini(&b);
	return f;
}

static enum sieve_flow
match_parts(
    struct sieve_matcher *m, const struct sv *types, size_t ntypes, bool html)
{
	struct mime_msg *msg;
	struct sv whole, type, sub;
	enum sieve_flow f = sieve_doc_mime(m->r, m->n, &msg);

	if (f == FLOW_ON)
		f = sieve_doc_whole(m->r, m->n, &whole);
	for (uint32_t i = m->r->root; f == FLOW_ON && i < msg->n && !m->hit;
	     i++) {
		bool fits = false;

		if (i > m->r->root && msg->part[i].parent < m->r->root)
			break;
		f = sieve_charge(m->r, m->n,
		    PART_WORK + 3 * msg->part[i].header_len + 20 * ntypes);
		if (f != FLOW_ON)
			break;
		(void)sieve_part_type(whole, &msg->part[i], &type, &sub);
		for (size_t k = 0; k < ntypes && !fits; k++)
			fits = type_fits(types[k], type, sub);
		fits |= html && is_xhtml(type, sub);
		if (fits)
			f = match_part(m, whole, msg, i,
			    html && (sv_ieq(sub, SV("html")) ||
					is_xhtml(type, sub)));
	}
	return f;
}

enum sieve_flow
sieve_test_body(struct sieve_run *r, const struct sieve_node *n, bool *out)
{
	static const struct sv text[] = {SV("text")};
	const struct sieve_value *content = sieve_tag_value(n, T_CONTENT);
	struct sieve_matcher m;
	struct sv *types;
	size_t ntypes;
	enum sieve_flow f = sieve_matcher_init(&m, r, n, n->pos[0]);

	m.quiet = true;
	if (f == FLOW_ON && r->doc.has_body) {
		if (sieve_has_tag(n, T_RAW))
			f = sieve_matcher_value(&m, r->doc.body);
		else if (content == NULL)
			f = match_parts(&m, text, 1, true);
		else if ((f = sieve_expand_all(
			      r, n, content, &types, &ntypes)) == FLOW_ON)
			f = match_parts(&m, types, ntypes, false);
	}
	return sieve_matcher_end(&m, f, out);
}
