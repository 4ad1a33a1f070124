/*
 * HTML as it is shown, and apart from it what it hides: comments, styles,
 * elements that are not displayed, text without size or in the colour of what
 * is behind it.  One pass, no tree: the elements that are open are remembered
 * only from the first that hides.
 */
#include "base/ascii.h"
#include "base/utf8.h"
#include "junk/feature_priv.h"

#define TAG_MAX	   2000
#define ENTITY_MAX 16
#define HIDDEN_MAX 2048 /* enough of it */

struct page {
	const struct html_out *out;
	/* The element that hides, and how many of its name are open. */
	char hider[16];
	unsigned depth;
	/* The start tag before: the next one is often the same. */
	char last[16];
	size_t last_n;
	unsigned last_is;
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

/* What is to be known of an element. */
#define TAG_INLINE 1u /* no gap in the text */
#define TAG_VOID   2u /* encloses nothing */
#define TAG_UNSEEN 4u /* is not shown, nor what it encloses */

struct tag {
	struct sv name;
	unsigned is;
};

/* By the first letter. */
static const struct tag tag_row[] = {
    {SV("a"), TAG_INLINE},
    {SV("abbr"), TAG_INLINE},
    {SV("acronym"), TAG_INLINE},
    {SV("area"), TAG_VOID},
    {SV("b"), TAG_INLINE},
    {SV("base"), TAG_VOID},
    {SV("bdo"), TAG_INLINE},
    {SV("big"), TAG_INLINE},
    {SV("br"), TAG_VOID},
    {SV("code"), TAG_INLINE},
    {SV("col"), TAG_VOID},
    {SV("del"), TAG_INLINE},
    {SV("em"), TAG_INLINE},
    {SV("embed"), TAG_VOID},
    {SV("font"), TAG_INLINE},
    {SV("head"), TAG_UNSEEN},
    {SV("hr"), TAG_VOID},
    {SV("i"), TAG_INLINE},
    {SV("img"), TAG_VOID},
    {SV("input"), TAG_VOID},
    {SV("ins"), TAG_INLINE},
    {SV("kbd"), TAG_INLINE},
    {SV("link"), TAG_VOID},
    {SV("meta"), TAG_VOID},
    {SV("noscript"), TAG_UNSEEN},
    {SV("param"), TAG_VOID},
    {SV("s"), TAG_INLINE},
    {SV("script"), TAG_UNSEEN},
    {SV("small"), TAG_INLINE},
    {SV("span"), TAG_INLINE},
    {SV("strike"), TAG_INLINE},
    {SV("strong"), TAG_INLINE},
    {SV("style"), TAG_UNSEEN},
    {SV("sub"), TAG_INLINE},
    {SV("sup"), TAG_INLINE},
    {SV("template"), TAG_UNSEEN},
    {SV("tt"), TAG_INLINE},
    {SV("u"), TAG_INLINE},
    {SV("wbr"), TAG_INLINE | TAG_VOID},
};

static unsigned
tag_is(struct sv name)
{
	size_t i;

	for (i = 0; i < sizeof(tag_row) / sizeof(tag_row[0]); i++) {
		const struct tag *t = &tag_row[i];

		if (t->name.p[0] > name.p[0])
			break;
		if (t->name.p[0] == name.p[0] && t->name.n == name.n &&
		    memcmp(t->name.p, name.p, name.n) == 0)
			return t->is;
	}
	return 0;
}

/* ---- attributes ---- */

/* Those of a tag that are of interest; empty where it does not have them. */
struct attributes {
	struct sv style, color, size, link;
	bool hidden;
};

static size_t
name_end(struct sv s, size_t at)
{
	while (at < s.n && !ascii_is_blank(s.p[at]) && s.p[at] != '=' &&
	       s.p[at] != '/' && s.p[at] != '"')
		at++;
	return at;
}

static size_t
skip_blanks(struct sv s, size_t at)
{
	while (at < s.n && ascii_is_blank(s.p[at]))
		at++;
	return at;
}

/* At what follows "=": returns where it ends. */
static size_t
take_value(struct sv s, size_t at, struct sv *out)
{
	size_t from = at;

	if (at < s.n && (s.p[at] == '"' || s.p[at] == '\'')) {
		const char *end = memchr(s.p + at + 1, s.p[at], s.n - at - 1);

		from = at + 1;
		at = end != NULL ? (size_t)(end - s.p) : s.n;
		*out = sv_of(s.p + from, at - from);
		return at < s.n ? at + 1 : at;
	}
	while (at < s.n && !ascii_is_blank(s.p[at]))
		at++;
	*out = sv_of(s.p + from, at - from);
	return at;
}

static void
use_attribute(struct attributes *a, struct sv name, struct sv value)
{
	if (name.n == 5 && sv_eq(name, SV("style")))
		a->style = value;
	else if (name.n == 5 && sv_eq(name, SV("color")))
		a->color = value;
	else if (name.n == 4 && sv_eq(name, SV("size")))
		a->size = value;
	else if (name.n == 6 && sv_eq(name, SV("hidden")))
		a->hidden = true;
	else if ((name.n == 4 && sv_eq(name, SV("href"))) ||
		 (name.n == 3 && sv_eq(name, SV("src"))) ||
		 (name.n == 6 && sv_eq(name, SV("action"))))
		a->link = value;
}

/* Of the folded tag, behind its name. */
static void
take_attributes(struct sv s, struct attributes *out)
{
	size_t at = 0, from;

	*out = (struct attributes){.style = SV("")};
	while (at < s.n) {
		struct sv name, value = SV("");

		from = at = skip_blanks(s, at);
		at = name_end(s, at);
		name = sv_of(s.p + from, at - from);
		if (name.n == 0) {
			at++;
			continue;
		}
		from = skip_blanks(s, at);
		if (from < s.n && s.p[from] == '=')
			at = take_value(s, skip_blanks(s, from + 1), &value);
		use_attribute(out, name, value);
	}
}

/* A number at the front, in thousandths; what is behind it stays in *s. */
static uint32_t
take_number(struct sv *s)
{
	uint32_t n = 0, place = 1000;
	bool dot = false;
	size_t i;

	for (i = 0;
	     i < s->n && (ascii_is_digit(s->p[i]) || (s->p[i] == '.' && !dot));
	     i++) {
		if (s->p[i] == '.') {
			dot = true;
			continue;
		}
		if (dot)
			place /= 10;
		if (n < 1000000)
			n = dot ? n + (uint32_t)(s->p[i] - '0') * place
				: n * 10 + (uint32_t)(s->p[i] - '0') * 1000;
	}
	*s = sv_trim(sv_skip(*s, i));
	return n;
}

/* As light as paper, of 255. */
#define WHITE 250

/* "#fff", "#fefefe", "ffffff" */
static bool
is_white_hex(struct sv s)
{
	size_t each;

	if (sv_starts(s, SV("#")))
		s = sv_skip(s, 1);
	each = s.n / 3;
	if (s.n != 3 && s.n != 6)
		return false;
	for (size_t i = 0; i < s.n; i += each) {
		int high = ascii_hex(s.p[i]),
		    low = ascii_hex(s.p[i + each - 1]);

		if (high < 0 || low < 0 || high * 16 + low < WHITE)
			return false;
	}
	return true;
}

/* "rgb(255, 255, 255)", "rgba(255 255 255 / 1)"; what is behind a last comma
 * shines through. */
static bool
is_white_rgb(struct sv s)
{
	if (!sv_starts(s, SV("rgb")))
		return false;
	s = sv_skip(s, sv_chr(s, '(') + 1);
	for (unsigned i = 0; i < 3; i++) {
		s = sv_trim(s);
		if (s.n == 0 || !ascii_is_digit(s.p[0]) ||
		    take_number(&s) < WHITE * 1000)
			return false;
		if (sv_starts(s, SV(",")))
			s = sv_skip(s, 1);
	}
	return true;
}

static bool
is_white(struct sv colour)
{
	return sv_eq(colour, SV("white")) || sv_eq(colour, SV("transparent")) ||
	       is_white_hex(colour) || is_white_rgb(colour);
}

static bool
is_zero(struct sv value)
{
	return value.n > 0 &&
	       (ascii_is_digit(value.p[0]) || value.p[0] == '.') &&
	       take_number(&value) == 0;
}

/* Nobody can read it: 0, 1px, .1em, 5% */
static bool
is_tiny(struct sv size)
{
	uint32_t n;

	if (size.n == 0 || (!ascii_is_digit(size.p[0]) && size.p[0] != '.'))
		return false;
	n = take_number(&size);
	if (sv_starts(size, SV("em")) || sv_starts(size, SV("rem")))
		return n < 200;
	if (sv_starts(size, SV("%")))
		return n < 20000;
	if (size.n == 0 || sv_starts(size, SV("px")) ||
	    sv_starts(size, SV("pt")))
		return n < 2000;
	return n == 0;
}

/* "-9999px": out of the page. */
static bool
is_far_away(struct sv value)
{
	if (!sv_starts(value, SV("-")))
		return false;
	value = sv_skip(value, 1);
	return take_number(&value) >= 500 * 1000 && !sv_starts(value, SV("%"));
}

/* What the properties of a style say together. */
struct styled {
	bool hidden, white, has_back;
	bool flat, cut; /* of no height or width; what is outside is not seen */
};

static bool
is_one_of(struct sv name, const struct sv *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (sv_eq(name, all[i]))
			return true;
	return false;
}

static void
use_property(struct styled *d, struct sv name, struct sv value)
{
	static const struct sv sides[] = {
	    SV("height"), SV("max-height"), SV("width"), SV("max-width")};
	static const struct sv places[] = {SV("text-indent"), SV("left"),
	    SV("top"), SV("right"), SV("margin-left"), SV("margin-top")};

	/* "!important" */
	value = sv_trim(sv_first(value, sv_chr(value, '!')));
	if (sv_eq(name, SV("display")))
		d->hidden |= sv_starts(value, SV("none"));
	else if (sv_eq(name, SV("visibility")))
		d->hidden |= sv_starts(value, SV("hidden")) ||
			     sv_starts(value, SV("collapse"));
	else if (sv_eq(name, SV("font-size")))
		d->hidden |= is_tiny(value);
	else if (sv_eq(name, SV("opacity")))
		d->hidden |= is_zero(value);
	else if (sv_eq(name, SV("mso-hide")))
		d->hidden |= sv_starts(value, SV("all"));
	else if (sv_eq(name, SV("color")))
		d->white = is_white(value);
	else if (sv_eq(name, SV("background-color")) ||
		 sv_eq(name, SV("background")))
		d->has_back |= value.n > 0 && !is_white(value);
	else if (sv_eq(name, SV("overflow")))
		d->cut = sv_starts(value, SV("hidden"));
	else if (is_one_of(name, sides, 4))
		d->flat |= is_zero(value);
	else if (is_one_of(name, places, 6))
		d->hidden |= is_far_away(value);
}

static bool
hides(struct sv name, const struct attributes *a)
{
	struct styled d = {.hidden = a->hidden};
	struct sv style = a->style;

	while (style.n > 0) {
		struct sv one = sv_split(&style, ';');
		size_t colon = sv_chr(one, ':');

		if (colon < one.n)
			use_property(&d, sv_trim(sv_first(one, colon)),
			    sv_trim(sv_skip(one, colon + 1)));
	}
	if (d.hidden || (d.flat && d.cut) || (d.white && !d.has_back))
		return true;
	return (a->color.n > 0 || a->size.n > 0) && sv_eq(name, SV("font")) &&
	       (is_white(a->color) || sv_eq(a->size, SV("0")));
}

/* ---- tags ---- */

static void
take_link(struct page *p, struct sv v)
{
	if (sv_starts(v, SV("mailto:")))
		junk_put(p->out->sink, JUNK_URL, SV("mailto"));
	else if (sv_starts(v, SV("cid:")))
		junk_put(p->out->sink, JUNK_URL, SV("cid"));
	else if (sv_starts(v, SV("data:")))
		junk_put(p->out->sink, JUNK_URL, SV("data"));
	junk_text_links(sv_first(v, 300), p->out->links);
}

static void
start_hiding(struct page *p, struct sv name, unsigned is)
{
	if (name.n >= sizeof(p->hider) || (is & TAG_VOID) != 0)
		return;
	sv_copy(name, p->hider, sizeof(p->hider));
	p->depth = 1;
	junk_put2(p->out->sink, JUNK_SHAPE, SV("hides in"), name);
}

/* Does a start tag of that name end the element that hides, which nobody has
 * to end [HTML 13.1.2.4]? */
static bool
ends_hider(struct sv hider, struct sv name)
{
	static const struct sv blocks[] = {SV("p"), SV("div"), SV("table"),
	    SV("ul"), SV("ol"), SV("dl"), SV("pre"), SV("form"), SV("hr"),
	    SV("h1"), SV("h2"), SV("h3"), SV("h4"), SV("h5"), SV("h6"),
	    SV("center"), SV("blockquote"), SV("section"), SV("article")};
	static const struct sv cells[] = {SV("td"), SV("th"), SV("tr")};

	if (sv_eq(hider, SV("p")))
		return is_one_of(name, blocks, sizeof blocks / sizeof *blocks);
	if (sv_eq(hider, SV("td")) || sv_eq(hider, SV("th")))
		return is_one_of(name, cells, 3);
	return (sv_eq(hider, SV("li")) || sv_eq(hider, SV("tr"))) &&
	       sv_eq(hider, name);
}

/* What a tag changes about what is hidden. */
static void
use_hiding(struct page *p, struct sv name, bool end, unsigned is,
    const struct attributes *a)
{
	if (p->depth == 1 && !end && ends_hider(sv_str(p->hider), name))
		p->depth = 0;
	if (p->depth > 0 && sv_eq(name, sv_str(p->hider))) {
		if (end)
			p->depth--;
		else if ((is & TAG_UNSEEN) == 0)
			p->depth++;
	} else if (p->depth == 0 && !end &&
		   ((is & TAG_UNSEEN) != 0 || hides(name, a))) {
		start_hiding(p, name, is);
	} else if (p->depth > 0 && sv_eq(name, SV("body"))) {
		p->depth = 0;
	}
}

/* What it is; a start tag is a feature, too. */
static unsigned
know_tag(struct page *p, struct sv name, bool end)
{
	unsigned is;

	if (p->last_n == name.n && memcmp(p->last, name.p, name.n) == 0)
		return p->last_is;
	is = tag_is(name);
	if (end)
		return is;
	junk_put2(p->out->sink, JUNK_SHAPE, SV("tag"), sv_first(name, 20));
	p->last_n = 0;
	if (name.n <= sizeof p->last) {
		memcpy(p->last, name.p, name.n);
		p->last_n = name.n;
		p->last_is = is;
	}
	return is;
}

static void
use_tag(struct page *p, struct sv tag)
{
	struct sv name = tag_name(tag);
	bool end = name.n > 0 && name.p[0] == '/';
	struct attributes a = {.style = SV("")};
	unsigned is;

	if (!end && tag.n > name.n)
		take_attributes(sv_skip(tag, name.n), &a);
	if (end)
		name = sv_skip(name, 1);
	if (name.n == 0)
		return;
	is = know_tag(p, name, end);
	use_hiding(p, name, end, is, &a);
	if (a.link.n > 0)
		take_link(p, a.link);
	if ((is & TAG_INLINE) == 0)
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
	    {SV("lrm"), 0x200e},
	    {SV("rlm"), 0x200f},
	    {SV("ZeroWidthSpace"), 0x200b},
	    {SV("NoBreak"), 0x2060},
	    {SV("ApplyFunction"), 0x2061},
	    {SV("af"), 0x2061},
	    {SV("InvisibleTimes"), 0x2062},
	    {SV("it"), 0x2062},
	    {SV("InvisibleComma"), 0x2063},
	    {SV("ic"), 0x2063},
	    {SV("ensp"), 0x2002},
	    {SV("emsp"), 0x2003},
	    {SV("thinsp"), 0x2009},
	    {SV("hairsp"), 0x200a},
	    {SV("Tab"), '\t'},
	    {SV("NewLine"), '\n'},
	    {SV("dollar"), '$'},
	    {SV("excl"), '!'},
	    {SV("num"), '#'},
	    {SV("percnt"), '%'},
	    {SV("commat"), '@'},
	    {SV("period"), '.'},
	    {SV("colon"), ':'},
	    {SV("sol"), '/'},
	    {SV("lowbar"), '_'},
	    {SV("hyphen"), 0x2010},
	    {SV("rsquo"), 0x2019},
	    {SV("lsquo"), 0x2018},
	    {SV("rdquo"), 0x201d},
	    {SV("ldquo"), 0x201c},
	    {SV("hellip"), 0x2026},
	    {SV("pound"), 0xa3},
	    {SV("Auml"), 0xc4},
	    {SV("Ouml"), 0xd6},
	    {SV("Uuml"), 0xdc},
	    {SV("aacute"), 0xe1},
	    {SV("iacute"), 0xed},
	    {SV("oacute"), 0xf3},
	    {SV("uacute"), 0xfa},
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

/* What "<!--" and "-->" enclose, at s; returns the bytes used. */
static size_t
use_comment(struct page *p, struct sv s)
{
	size_t n = sv_find(sv_skip(s, 4), SV("-->")) + 4;

	if (p->out->hidden->n < HIDDEN_MAX) {
		buf_addsv(p->out->hidden,
		    sv_first(sv_skip(sv_first(s, n), 4), HIDDEN_MAX));
		buf_addc(p->out->hidden, ' ');
	}
	junk_put(p->out->sink, JUNK_SHAPE, SV("comment"));
	return n + 3 < s.n ? n + 3 : s.n;
}

/* A comment or a tag at s, which begins with "<"; returns the bytes used, 0 if
 * it is neither. */
static size_t
use_markup(struct page *p, struct sv s)
{
	const char *end;
	char tag[TAG_MAX];
	size_t n, i;

	if (sv_starts(s, SV("<!--")))
		return use_comment(p, s);
	if (s.n < 2 || (!ascii_is_alpha(s.p[1]) && s.p[1] != '/' &&
			   s.p[1] != '!' && s.p[1] != '?'))
		return 0;
	end = memchr(s.p, '>', s.n);
	if (end == NULL && s.n > TAG_MAX)
		return 0;
	n = end != NULL ? (size_t)(end - s.p) : s.n;
	for (i = 0; i < n - 1 && i < TAG_MAX; i++)
		tag[i] = ascii_lower(s.p[i + 1]);
	use_tag(p, sv_of(tag, i));
	return end != NULL ? n + 1 : n;
}

/* How long is the run without markup at s? */
static size_t
run_of_text(struct sv s)
{
	const char *tag = memchr(s.p + 1, '<', s.n - 1);
	size_t n = tag != NULL ? (size_t)(tag - s.p) : s.n;
	const char *entity = memchr(s.p + 1, '&', n - 1);

	return entity != NULL ? (size_t)(entity - s.p) : n;
}

size_t
junk_html(struct sv html, const struct html_out *out)
{
	struct page p = {.out = out};
	struct sv s = html;

	while (s.n > 0 && out->shown->n < out->shown_max) {
		struct buf *to = p.depth > 0 ? out->hidden : out->shown;
		size_t n = 0;

		if (s.p[0] == '<')
			n = use_markup(&p, s);
		else if (s.p[0] == '&')
			n = use_entity(s, to);
		if (n == 0) {
			n = run_of_text(s);
			if (to == out->shown || to->n < HIDDEN_MAX)
				buf_addsv(to, sv_first(s, n));
		}
		s = sv_of(s.p + n, s.n - n);
	}
	return html.n - s.n;
}
