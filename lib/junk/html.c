/*
 * HTML as it is shown, and apart from it what it hides: comments, styles,
 * elements that are not displayed, text without size or in the colour of what
 * is behind it.  One pass, no tree: the elements that are open are remembered
 * only from the first that hides.
 */
#include "base/ascii.h"
#include "base/fold.h"
#include "base/utf8.h"
#include "junk/feature_priv.h"

#define TAG_MAX	   2000
#define ENTITY_MAX 10

struct page {
	const struct html_out *out;
	struct buf tag; /* the tag at hand, folded */
	/* The element that hides, and how many of its name are open. */
	char hider[16];
	unsigned depth;
};

static struct sv
tag_name(struct sv tag)
{
	size_t n = 0;

	if (tag.n > 0 && tag.p[0] == '/')
		n = 1;
	while (n < tag.n && ascii_is_alnum(tag.p[n]))
		n++;
	return sv_first(tag, n);
}

static bool
name_in(struct sv name, const char *const *list)
{
	for (; *list != NULL; list++)
		if (sv_eq(name, sv_str(*list)))
			return true;
	return false;
}

static const char *const inline_tag[] = {"a", "b", "i", "u", "em", "strong",
    "font", "span", "big", "small", "tt", "sub", "sup", "s", "strike", "wbr",
    "abbr", "code", "bdo", "ins", "del", "acronym", "kbd", NULL};
static const char *const void_tag[] = {"br", "img", "hr", "input", "meta",
    "link", "base", "area", "col", "embed", "param", "wbr", NULL};
static const char *const unseen_tag[] = {
    "style", "script", "head", "noscript", "template", NULL};

/* ---- attributes ---- */

/* The value of an attribute of the folded tag; empty if it is not there. */
static struct sv
attribute(struct sv tag, struct sv name)
{
	size_t at;

	while ((at = sv_find(tag, name)) < tag.n) {
		bool starts = at > 0 && (ascii_is_blank(tag.p[at - 1]) ||
					    tag.p[at - 1] == '"' ||
					    tag.p[at - 1] == '\'');
		struct sv v = sv_trim(sv_skip(tag, at + name.n));

		tag = sv_skip(tag, at + name.n);
		if (!starts || v.n == 0 || v.p[0] != '=')
			continue;
		v = sv_trim(sv_skip(v, 1));
		if (v.n > 0 && (v.p[0] == '"' || v.p[0] == '\'')) {
			char quote = v.p[0];

			v = sv_skip(v, 1);
			return sv_first(v, sv_chr(v, quote));
		}
		for (at = 0; at < v.n && !ascii_is_blank(v.p[at]);)
			at++;
		return sv_first(v, at);
	}
	return SV("");
}

/* "name: value" of a style, without blanks around. */
static struct sv
property(struct sv style, struct sv name)
{
	while (style.p != NULL) {
		struct sv one = sv_split(&style, ';');
		size_t colon = sv_chr(one, ':');

		if (colon < one.n && sv_eq(sv_trim(sv_first(one, colon)), name))
			return sv_trim(sv_skip(one, colon + 1));
	}
	return SV("");
}

static bool
is_white(struct sv colour)
{
	return sv_eq(colour, SV("white")) || sv_eq(colour, SV("#fff")) ||
	       sv_eq(colour, SV("#ffffff")) ||
	       sv_starts(colour, SV("#fefefe")) ||
	       sv_eq(colour, SV("transparent")) || sv_eq(colour, SV("ffffff"));
}

/* 0, 0px, 1px, .1em */
static bool
is_tiny(struct sv size)
{
	return size.n > 0 &&
	       (size.p[0] == '0' || sv_starts(size, SV(".0")) ||
		   sv_eq(size, SV("1px")) || sv_eq(size, SV("1pt")));
}

static bool
hides(struct sv name, struct sv tag)
{
	struct sv style = attribute(tag, SV("style"));
	struct sv back = property(style, SV("background-color"));

	if (name_in(name, unseen_tag))
		return true;
	if (sv_starts(property(style, SV("display")), SV("none")) ||
	    sv_starts(property(style, SV("visibility")), SV("hidden")) ||
	    is_tiny(property(style, SV("font-size"))) ||
	    sv_eq(property(style, SV("opacity")), SV("0")) ||
	    sv_starts(property(style, SV("mso-hide")), SV("all")))
		return true;
	if (sv_eq(name, SV("font")) &&
	    (is_white(attribute(tag, SV("color"))) ||
		sv_eq(attribute(tag, SV("size")), SV("0"))))
		return true;
	return back.n == 0 && is_white(property(style, SV("color")));
}

/* ---- tags ---- */

static void
take_link(struct page *p, struct sv tag, const char *attr)
{
	struct sv v = attribute(tag, sv_str(attr));

	if (v.n == 0)
		return;
	if (sv_starts(v, SV("mailto:")))
		junk_put(p->out->sink, JUNK_URL, SV("mailto"));
	else if (sv_starts(v, SV("cid:")))
		junk_put(p->out->sink, JUNK_URL, SV("cid"));
	else if (sv_starts(v, SV("data:")))
		junk_put(p->out->sink, JUNK_URL, SV("data"));
	junk_text_links(sv_first(v, 300), p->out->links);
}

static void
start_hiding(struct page *p, struct sv name)
{
	if (name.n >= sizeof(p->hider) || name_in(name, void_tag))
		return;
	sv_copy(name, p->hider, sizeof(p->hider));
	p->depth = 1;
	junk_put2(p->out->sink, JUNK_SHAPE, SV("hides in"), name);
}

static void
use_tag(struct page *p)
{
	struct sv tag = buf_sv(&p->tag), name = tag_name(tag);
	bool end = name.n > 0 && name.p[0] == '/';

	if (end)
		name = sv_skip(name, 1);
	if (name.n == 0)
		return;
	if (!end)
		junk_put2(
		    p->out->sink, JUNK_SHAPE, SV("tag"), sv_first(name, 20));
	if (p->depth > 0 && sv_eq(name, sv_str(p->hider))) {
		if (end)
			p->depth--;
		else if (!name_in(name, unseen_tag))
			p->depth++;
	} else if (p->depth == 0 && !end && hides(name, tag)) {
		start_hiding(p, name);
	} else if (p->depth > 0 && sv_eq(name, SV("body"))) {
		p->depth = 0;
	}
	if (!end) {
		take_link(p, tag, "href");
		take_link(p, tag, "src");
		take_link(p, tag, "action");
	}
	if (!name_in(name, inline_tag))
		buf_addc(p->depth > 0 ? p->out->hidden : p->out->shown, ' ');
}

/* ---- text ---- */

static uint32_t
entity(struct sv name)
{
	static const struct {
		struct sv name;
		uint32_t cp;
	} row[] = {
	    {SV("amp"), '&'},
	    {SV("lt"), '<'},
	    {SV("gt"), '>'},
	    {SV("quot"), '"'},
	    {SV("apos"), '\''},
	    {SV("nbsp"), 0xa0},
	    {SV("copy"), 0xa9},
	    {SV("reg"), 0xae},
	    {SV("auml"), 0xe4},
	    {SV("ouml"), 0xf6},
	    {SV("uuml"), 0xfc},
	    {SV("szlig"), 0xdf},
	    {SV("eacute"), 0xe9},
	    {SV("egrave"), 0xe8},
	    {SV("agrave"), 0xe0},
	    {SV("ccedil"), 0xe7},
	    {SV("ntilde"), 0xf1},
	    {SV("euro"), 0x20ac},
	    {SV("ndash"), 0x2013},
	    {SV("mdash"), 0x2014},
	    {SV("bull"), 0x2022},
	    {SV("shy"), 0xad},
	    {SV("zwnj"), 0x200c},
	    {SV("zwj"), 0x200d},
	};
	uint32_t cp = 0;
	size_t i;

	if (name.n > 1 && name.p[0] == '#') {
		bool hex = ascii_lower(name.p[1]) == 'x';

		for (i = hex ? 2 : 1; i < name.n; i++) {
			int d = ascii_hex(name.p[i]);

			if (d < 0 || (!hex && d > 9) || cp > 0x10ffff)
				return 0;
			cp = cp * (hex ? 16 : 10) + (uint32_t)d;
		}
		return cp < 0x110000 && (cp < 0xd800 || cp > 0xdfff) ? cp : 0;
	}
	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (sv_eq(name, row[i].name))
			return row[i].cp;
	return 0;
}

/* At an ampersand: appends its character and returns the bytes used. */
static size_t
use_entity(struct sv s, struct buf *out)
{
	size_t n = 1;
	uint32_t cp;

	while (n < s.n && n <= ENTITY_MAX &&
	       (ascii_is_alnum(s.p[n]) || s.p[n] == '#'))
		n++;
	cp = entity(sv_skip(sv_first(s, n), 1));
	if (cp == 0) {
		buf_addc(out, '&');
		return 1;
	}
	utf8_put(out, cp);
	return n < s.n && s.p[n] == ';' ? n + 1 : n;
}

/* ---- the page ---- */

/* A comment or a tag at s, which begins with "<"; returns the bytes used, 0 if
 * it is neither. */
static size_t
use_markup(struct page *p, struct sv s)
{
	size_t n;

	if (sv_starts(s, SV("<!--"))) {
		n = sv_find(sv_skip(s, 4), SV("-->")) + 4;
		buf_addsv(p->out->hidden, sv_skip(sv_first(s, n), 4));
		buf_addc(p->out->hidden, ' ');
		junk_put(p->out->sink, JUNK_SHAPE, SV("comment"));
		return n + 3 < s.n ? n + 3 : s.n;
	}
	if (s.n < 2 || (!ascii_is_alpha(s.p[1]) && s.p[1] != '/' &&
			   s.p[1] != '!' && s.p[1] != '?'))
		return 0;
	n = sv_chr(s, '>');
	if (n == s.n && s.n > TAG_MAX)
		return 0;
	buf_reset(&p->tag);
	buf_addsv(&p->tag, sv_first(sv_skip(sv_first(s, n), 1), TAG_MAX));
	fold_ascii(buf_sv(&p->tag), p->tag.p);
	use_tag(p);
	return n < s.n ? n + 1 : n;
}

void
junk_html(struct sv s, const struct html_out *out)
{
	struct page p = {.out = out};

	buf_init(&p.tag, TAG_MAX);
	while (s.n > 0) {
		struct buf *to = p.depth > 0 ? out->hidden : out->shown;
		size_t n = 0;

		if (s.p[0] == '<')
			n = use_markup(&p, s);
		else if (s.p[0] == '&')
			n = use_entity(s, to);
		if (n == 0) {
			/* A run without markup. */
			for (n = 1; n < s.n && s.p[n] != '<' && s.p[n] != '&';)
				n++;
			buf_addsv(to, sv_first(s, n));
		}
		s = sv_skip(s, n);
	}
	buf_fini(&p.tag);
}
