#include "imap/parse/parse.h"

#include "base/ascii.h"
#include "base/utf8.h"
#include "imap/parse/utf7.h"

void
imap_in_init(struct imap_in *in, struct sv text, const struct imap_limits *lim,
    struct arena *arena)
{
	*in = (struct imap_in){
	    .s = text, .lim = lim, .arena = arena, .why = "a command"};
}

int
imap_expected(struct imap_in *in, const char *what)
{
	in->why = what;
	return RC_SYNTAX;
}

int
imap_element(struct imap_in *in)
{
	if (in->elements >= in->lim->elements)
		return RC_TOOBIG;
	in->elements++;
	return RC_OK;
}

/*
 * ATOM-CHAR     = <any CHAR except atom-specials>
 * atom-specials = "(" / ")" / "{" / SP / CTL / list-wildcards /
 *                 quoted-specials / resp-specials
 */
bool
imap_is_atom_char(char c)
{
	return imap_is_astring_char(c) && c != ']';
}

/* ASTRING-CHAR = ATOM-CHAR / resp-specials */
bool
imap_is_astring_char(char c)
{
	return ascii_is_graph(c) && c != '(' && c != ')' && c != '{' &&
	       c != '%' && c != '*' && c != '"' && c != '\\';
}

static bool
is_list_char(char c)
{
	return imap_is_astring_char(c) || c == '%' || c == '*';
}

static bool
is_tag_char(char c)
{
	return imap_is_astring_char(c) && c != '+';
}

char
imap_peek(const struct imap_in *in)
{
	return in->s.n > 0 ? in->s.p[0] : '\0';
}

bool
imap_take(struct imap_in *in, char c)
{
	if (in->s.n == 0 || in->s.p[0] != c)
		return false;
	in->s = sv_skip(in->s, 1);
	return true;
}

bool
imap_take_word(struct imap_in *in, struct sv word)
{
	struct sv rest;

	if (!sv_istarts(in->s, word))
		return false;
	rest = sv_skip(in->s, word.n);
	if (rest.n > 0 && imap_is_atom_char(rest.p[0]))
		return false;
	in->s = rest;
	return true;
}

int
imap_sp(struct imap_in *in)
{
	return imap_take(in, ' ') ? RC_OK : imap_expected(in, "a space");
}

int
imap_ch(struct imap_in *in, char c)
{
	static const char *const name[] = {
	    "\"(\"", "\")\"", "\"[\"", "\"]\"", "another character"};

	if (imap_take(in, c))
		return RC_OK;
	return imap_expected(in, name[c == '('	 ? 0
				      : c == ')' ? 1
				      : c == '[' ? 2
				      : c == ']' ? 3
						 : 4]);
}

int
imap_end(struct imap_in *in)
{
	return in->s.n == 0 ? RC_OK
			    : imap_expected(in, "the end of the command");
}

static struct sv
take_while(struct imap_in *in, bool (*is)(char))
{
	size_t n = 0;
	struct sv got;

	while (n < in->s.n && is(in->s.p[n]))
		n++;
	got = sv_first(in->s, n);
	in->s = sv_skip(in->s, n);
	return got;
}

/* tag = 1*<any ASTRING-CHAR except "+"> */
int
imap_tag(struct imap_in *in, struct sv *out)
{
	struct sv t = take_while(in, is_tag_char);

	if (t.n == 0)
		return imap_expected(in, "a tag");
	*out = t;
	return RC_OK;
}

/* atom = 1*ATOM-CHAR */
int
imap_atom(struct imap_in *in, struct sv *out)
{
	struct sv t = take_while(in, imap_is_atom_char);

	if (t.n == 0)
		return imap_expected(in, "an atom");
	*out = t;
	return RC_OK;
}

/* number = 1*DIGIT, unsigned 32 bits */
int
imap_number(struct imap_in *in, uint32_t *out)
{
	uint64_t v;

	if (sv_take_u64(&in->s, UINT32_MAX, &v) != RC_OK)
		return imap_expected(in, "a number");
	*out = (uint32_t)v;
	return RC_OK;
}

/* number64 = 1*DIGIT, unsigned 63 bits [RFC 9051 9] */
int
imap_number64(struct imap_in *in, uint64_t *out)
{
	uint64_t v;

	if (sv_take_u64(&in->s, INT64_MAX, &v) != RC_OK)
		return imap_expected(in, "a number");
	*out = v;
	return RC_OK;
}

/*
 * mod-sequence-valzer = "0" / mod-sequence-value
 * mod-sequence-value  = 1*DIGIT, above 0
 * Leniency: 0 is taken everywhere, as "since ever".
 */
int
imap_modseq(struct imap_in *in, uint64_t *out)
{
	if (imap_number64(in, out) != RC_OK)
		return imap_expected(in, "a mod-sequence");
	return RC_OK;
}

/* objectid = 1*255(ALPHA / DIGIT / "_" / "-")  [RFC 8474 7] */
int
imap_objectid(struct imap_in *in, struct sv *out)
{
	size_t n = 0;

	while (n < in->s.n && n < 256 &&
	       (ascii_is_alnum(in->s.p[n]) || in->s.p[n] == '_' ||
		   in->s.p[n] == '-'))
		n++;
	if (n == 0 || n > 255)
		return imap_expected(in, "an object identifier");
	*out = sv_first(in->s, n);
	in->s = sv_skip(in->s, n);
	return RC_OK;
}

/* nz-number = digit-nz *DIGIT */
int
imap_nz_number(struct imap_in *in, uint32_t *out)
{
	uint32_t v;

	if (imap_peek(in) == '0' || imap_number(in, &v) != RC_OK)
		return imap_expected(in, "a number above 0");
	*out = v;
	return RC_OK;
}

/*
 * quoted          = DQUOTE *QUOTED-CHAR DQUOTE
 * QUOTED-CHAR     = <any TEXT-CHAR except quoted-specials> /
 *                   "\" quoted-specials
 * Leniency: bytes above 7 bit are taken, many clients send UTF-8 so.
 */
static int
quoted(struct imap_in *in, struct sv *out)
{
	bool escaped = false;
	struct sv body;
	size_t i, k = 0;
	char *p;

	in->s = sv_skip(in->s, 1);
	for (i = 0; i < in->s.n && in->s.p[i] != '"'; i++) {
		char c = in->s.p[i];

		if (c == '\r' || c == '\n' || c == '\0')
			return imap_expected(in, "a closing quote");
		if (c != '\\')
			continue;
		escaped = true;
		i++;
		if (i == in->s.n || (in->s.p[i] != '"' && in->s.p[i] != '\\'))
			return imap_expected(
			    in, "a quote or backslash behind a backslash");
	}
	if (i == in->s.n)
		return imap_expected(in, "a closing quote");
	body = sv_first(in->s, i);
	in->s = sv_skip(in->s, i + 1);
	*out = body;
	if (!escaped)
		return RC_OK;
	p = arena_alloc(in->arena, body.n);
	for (i = 0; i < body.n; i++) {
		if (body.p[i] == '\\')
			i++;
		p[k++] = body.p[i];
	}
	*out = sv_of(p, k);
	return RC_OK;
}

/*
 * literal = "{" number ["+" / "-"] "}" CRLF *CHAR8  [RFC 7888 8]
 * The frame has read the header already, so the sizes fit; NUL is not a CHAR8.
 */
static int
literal(struct imap_in *in, struct sv *out)
{
	uint64_t n;

	in->s = sv_skip(in->s, 1);
	if (sv_take_u64(&in->s, UINT32_MAX, &n) != RC_OK)
		return imap_expected(in, "the size of a literal");
	if (!imap_take(in, '+'))
		(void)imap_take(in, '-');
	if (!imap_take(in, '}'))
		return imap_expected(in, "\"}\"");
	(void)imap_take(in, '\r');
	if (!imap_take(in, '\n') || in->s.n < n)
		return imap_expected(in, "a literal");
	if (memchr(in->s.p, '\0', (size_t)n) != NULL)
		return imap_expected(in, "a literal without NUL");
	*out = sv_first(in->s, (size_t)n);
	in->s = sv_skip(in->s, (size_t)n);
	return RC_OK;
}

/* string = quoted / literal */
int
imap_string(struct imap_in *in, struct sv *out)
{
	switch (imap_peek(in)) {
	case '"':
		return quoted(in, out);
	case '{':
		return literal(in, out);
	default:
		return imap_expected(in, "a string");
	}
}

/* astring = 1*ASTRING-CHAR / string */
int
imap_astring(struct imap_in *in, struct sv *out)
{
	struct sv t = take_while(in, imap_is_astring_char);

	if (t.n == 0)
		return imap_string(in, out);
	*out = t;
	return RC_OK;
}

/* nstring = string / nil */
int
imap_nstring(struct imap_in *in, struct sv *out, bool *nil_out)
{
	*nil_out = imap_take_word(in, SV("NIL"));
	if (!*nil_out)
		return imap_string(in, out);
	*out = SV("");
	return RC_OK;
}

/* list-mailbox = 1*list-char / string */
int
imap_list_mailbox(struct imap_in *in, struct sv *out)
{
	struct sv t = take_while(in, is_list_char);

	if (t.n == 0)
		return imap_string(in, out);
	*out = t;
	return RC_OK;
}

/* The name as it is; "&" is a character like any other. */
static int
utf8_name(struct imap_in *in, struct sv raw, struct sv *out)
{
	if (!utf8_valid(raw)) {
		in->why = "a mailbox name in UTF-8";
		return RC_PERM;
	}
	*out = arena_dup(in->arena, raw);
	return RC_OK;
}

/* mailbox = "INBOX" / astring, with the name in modified UTF-7 or UTF-8 */
int
imap_mailbox(struct imap_in *in, struct sv *out)
{
	struct sv raw;
	struct buf b;
	int r = imap_astring(in, &raw);

	if (r != RC_OK)
		return r;
	if (sv_ieq(raw, SV("INBOX"))) {
		*out = SV("INBOX");
		return RC_OK;
	}
	if (in->utf8)
		return utf8_name(in, raw, out);
	buf_init(&b, raw.n * 2 + 1);
	if (imap_utf7_decode(raw, &b) != RC_OK) {
		in->why = "a mailbox name in modified UTF-7";
		r = RC_PERM;
	} else {
		*out = arena_dup(in->arena, buf_sv(&b));
	}
	buf_fini(&b);
	return r;
}

/*
 * id             = "ID" SP id-params-list  [RFC 2971 4]
 * id-params-list = "(" *(string SP nstring) ")" / nil
 * behind the name.  Leniency: the spaces in the list may be missing.
 */
int
imap_id(struct imap_in *in)
{
	struct sv s;
	bool nil;
	int r = imap_sp(in);

	if (r != RC_OK)
		return r;
	if (imap_take_word(in, SV("NIL")))
		return imap_end(in);
	r = imap_ch(in, '(');
	while (r == RC_OK && imap_peek(in) != ')') {
		(void)imap_take(in, ' ');
		r = imap_element(in);
		if (r == RC_OK)
			r = imap_nstring(in, &s, &nil);
	}
	if (r == RC_OK)
		r = imap_ch(in, ')');
	return r == RC_OK ? imap_end(in) : r;
}

/* ---- writing ---- */

static bool
all(struct sv s, bool (*is)(char))
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!is(s.p[i]))
			return false;
	return true;
}

static bool
is_text_char(char c)
{
	return ascii_is_print(c) || c == '\t';
}

static bool
is_no_control(char c)
{
	return !ascii_is_ctl(c);
}

static void
put_quoted(struct buf *out, struct sv s)
{
	size_t i;

	buf_addc(out, '"');
	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_addc(out, '\\');
		buf_addc(out, s.p[i]);
	}
	buf_addc(out, '"');
}

void
imap_put_astring(struct buf *out, struct sv s)
{
	if (s.n > 0 && all(s, imap_is_astring_char) && !sv_ieq(s, SV("NIL"))) {
		buf_addsv(out, s);
		return;
	}
	if (s.n <= 1000 && all(s, is_text_char)) {
		put_quoted(out, s);
		return;
	}
	buf_addc(out, '{');
	buf_addu(out, s.n);
	buf_adds(out, "}\r\n");
	buf_addsv(out, s);
}

void
imap_put_mailbox(struct buf *out, struct sv name, bool utf8)
{
	struct buf wire;

	/* QUOTED-CHAR =/ UTF8-2 / UTF8-3 / UTF8-4 [RFC 9051 9] */
	if (utf8) {
		if (utf8_has_8bit(name) && utf8_valid(name) &&
		    all(name, is_no_control))
			put_quoted(out, name);
		else
			imap_put_astring(out, name);
		return;
	}
	buf_init(&wire, 8 * name.n + 16);
	imap_utf7_encode(name, &wire);
	imap_put_astring(out, buf_sv(&wire));
	buf_fini(&wire);
}
