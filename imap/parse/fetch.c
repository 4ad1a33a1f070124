#include "imap/parse/fetch.h"

#include "base/ascii.h"

/* header-list = "(" header-fld-name *(SP header-fld-name) ")" */
static int
header_list(struct imap_in *in, struct imap_section *s)
{
	size_t cap = 0;
	int r = imap_ch(in, '(');

	if (r != RC_OK)
		return r;
	do {
		r = imap_element(in);
		if (r != RC_OK)
			return r;
		s->field = arena_grow(
		    in->arena, s->field, &cap, s->nfield + 1, sizeof *s->field);
		r = imap_astring(in, &s->field[s->nfield]);
		if (r != RC_OK)
			return r;
		s->nfield++;
	} while (imap_take(in, ' '));
	return imap_ch(in, ')');
}

/*
 * section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list /
 *                   "TEXT"
 * section-text    = section-msgtext / "MIME"
 */
static int
section_text(struct imap_in *in, struct imap_section *s)
{
	int r;

	if (imap_take_word(in, SV("HEADER"))) {
		s->what = IMAP_SECTION_HEADER;
		return RC_OK;
	}
	if (imap_take_word(in, SV("TEXT"))) {
		s->what = IMAP_SECTION_TEXT;
		return RC_OK;
	}
	if (s->npart > 0 && imap_take_word(in, SV("MIME"))) {
		s->what = IMAP_SECTION_MIME;
		return RC_OK;
	}
	if (imap_take_word(in, SV("HEADER.FIELDS")))
		s->what = IMAP_SECTION_FIELDS;
	else if (imap_take_word(in, SV("HEADER.FIELDS.NOT")))
		s->what = IMAP_SECTION_FIELDS_NOT;
	else
		return imap_expected(in, "HEADER, TEXT or MIME");
	r = imap_sp(in);
	return r == RC_OK ? header_list(in, s) : r;
}

/*
 * section      = "[" [section-spec] "]"
 * section-spec = section-msgtext / (section-part ["." section-text])
 * section-part = nz-number *("." nz-number)
 * section-binary = "[" [section-part] "]"  [RFC 3516 7]
 */
int
imap_section(struct imap_in *in, struct imap_section *out)
{
	size_t cap = 0;
	int r = imap_ch(in, '[');

	while (r == RC_OK && ascii_is_digit(imap_peek(in))) {
		r = imap_element(in);
		if (r != RC_OK)
			return r;
		out->part = arena_grow(in->arena, out->part, &cap,
		    out->npart + 1, sizeof *out->part);
		r = imap_nz_number(in, &out->part[out->npart]);
		if (r != RC_OK)
			return r;
		out->npart++;
		if (!imap_take(in, '.'))
			return imap_ch(in, ']');
	}
	if (r != RC_OK || (out->npart == 0 && imap_take(in, ']')))
		return r;
	if (out->form != IMAP_FORM_BODY)
		return imap_expected(in, "a part's number");
	r = section_text(in, out);
	return r == RC_OK ? imap_ch(in, ']') : r;
}

/* ["<" number64 "." nz-number64 ">"] */
static int
partial(struct imap_in *in, struct imap_section *s)
{
	if (!imap_take(in, '<'))
		return RC_OK;
	s->partial = true;
	if (imap_number64(in, &s->from) != RC_OK || !imap_take(in, '.') ||
	    imap_peek(in) == '0' || imap_number64(in, &s->count) != RC_OK ||
	    !imap_take(in, '>'))
		return imap_expected(in, "a partial like <0.2048>");
	return RC_OK;
}

static struct imap_section *
section_add(struct imap_in *in, struct imap_fetch *f)
{
	f->section = arena_grow(in->arena, f->section, &f->cap, f->nsection + 1,
	    sizeof *f->section);
	f->section[f->nsection] = (struct imap_section){0};
	return &f->section[f->nsection++];
}

static const struct {
	struct sv name;
	unsigned item;
} simple[] = {
    {{"UID", 3}, IMAP_FETCH_UID},
    {{"FLAGS", 5}, IMAP_FETCH_FLAGS},
    {{"INTERNALDATE", 12}, IMAP_FETCH_INTERNALDATE},
    {{"RFC822.SIZE", 11}, IMAP_FETCH_SIZE},
    {{"ENVELOPE", 8}, IMAP_FETCH_ENVELOPE},
    {{"BODYSTRUCTURE", 13}, IMAP_FETCH_BODYSTRUCTURE},
    {{"MODSEQ", 6}, IMAP_FETCH_MODSEQ},
    {{"EMAILID", 7}, IMAP_FETCH_EMAILID},
    {{"THREADID", 8}, IMAP_FETCH_THREADID},
    {{"SAVEDATE", 8}, IMAP_FETCH_SAVEDATE},
};

static const struct {
	struct sv name;
	const char *label;
	enum imap_section_what what;
	bool peek;
} old[] = {
    {{"RFC822", 6}, "RFC822", IMAP_SECTION_ALL, false},
    {{"RFC822.HEADER", 13}, "RFC822.HEADER", IMAP_SECTION_HEADER, true},
    {{"RFC822.TEXT", 11}, "RFC822.TEXT", IMAP_SECTION_TEXT, false},
};

/* "BODY" and what may follow it */
static int
body_att(struct imap_in *in, struct imap_fetch *add, bool peek)
{
	struct imap_section *s;
	int r;

	if (imap_peek(in) != '[') {
		if (peek)
			return imap_expected(in, "\"[\"");
		add->items |= IMAP_FETCH_BODY;
		return RC_OK;
	}
	s = section_add(in, add);
	s->peek = peek;
	add->sets_seen = add->sets_seen || !peek;
	r = imap_section(in, s);
	return r == RC_OK ? partial(in, s) : r;
}

/* "BINARY" [".PEEK"] section-binary [partial] / "BINARY.SIZE" section-binary */
static int
binary_att(struct imap_in *in, struct imap_fetch *add, struct sv name)
{
	struct imap_section *s = section_add(in, add);
	int r;

	s->form = IMAP_FORM_BINARY;
	if (sv_ieq(name, SV("BINARY.SIZE")))
		s->form = IMAP_FORM_BINARY_SIZE;
	s->peek = name.n > 6;
	add->sets_seen = add->sets_seen || !s->peek;
	r = imap_section(in, s);
	if (r != RC_OK || s->form == IMAP_FORM_BINARY_SIZE)
		return r;
	return partial(in, s);
}

/* The name of a fetch-att ends before "[". */
static struct sv
att_name(struct imap_in *in)
{
	size_t n = 0;
	struct sv name;

	while (
	    n < in->s.n && imap_is_atom_char(in->s.p[n]) && in->s.p[n] != '[')
		n++;
	name = sv_first(in->s, n);
	in->s = sv_skip(in->s, n);
	return name;
}

/*
 * fetch-att = "ENVELOPE" / "FLAGS" / "INTERNALDATE" /
 *             "RFC822" [".HEADER" / ".SIZE" / ".TEXT"] /
 *             "BODY" ["STRUCTURE"] / "UID" /
 *             "BODY" section ["<" number "." nz-number ">"] /
 *             "BODY.PEEK" section ["<" number "." nz-number ">"] /
 *             "BINARY" [".PEEK"] section-binary [partial] /
 *             "BINARY.SIZE" section-binary / "MODSEQ" /
 *             "EMAILID" / "THREADID" / "SAVEDATE"
 */
int
imap_fetch_att(struct imap_in *in, struct imap_fetch *add)
{
	struct sv name;
	size_t i;
	int r = imap_element(in);

	if (r != RC_OK)
		return r;
	name = att_name(in);
	if (sv_ieq(name, SV("BODY")) || sv_ieq(name, SV("BODY.PEEK")))
		return body_att(in, add, name.n > 4);
	if (sv_ieq(name, SV("BINARY")) || sv_ieq(name, SV("BINARY.PEEK")) ||
	    sv_ieq(name, SV("BINARY.SIZE")))
		return binary_att(in, add, name);
	for (i = 0; i < sizeof simple / sizeof simple[0]; i++)
		if (sv_ieq(name, simple[i].name)) {
			add->items |= simple[i].item;
			return RC_OK;
		}
	for (i = 0; i < sizeof old / sizeof old[0]; i++)
		if (sv_ieq(name, old[i].name)) {
			struct imap_section *s = section_add(in, add);

			s->what = old[i].what;
			s->peek = old[i].peek;
			s->name = old[i].label;
			add->sets_seen = add->sets_seen || !s->peek;
			return RC_OK;
		}
	return imap_expected(in, "a known data item");
}

/*
 * fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" /
 *         fetch-att / "(" fetch-att *(SP fetch-att) ")")
 */
int
imap_fetch_atts(struct imap_in *in, struct imap_fetch *out)
{
	const unsigned fast =
	    IMAP_FETCH_FLAGS | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SIZE;
	int r;

	*out = (struct imap_fetch){0};
	if (imap_take_word(in, SV("FAST"))) {
		out->items = fast;
		return RC_OK;
	}
	if (imap_take_word(in, SV("ALL"))) {
		out->items = fast | IMAP_FETCH_ENVELOPE;
		return RC_OK;
	}
	if (imap_take_word(in, SV("FULL"))) {
		out->items = fast | IMAP_FETCH_ENVELOPE | IMAP_FETCH_BODY;
		return RC_OK;
	}
	if (!imap_take(in, '('))
		return imap_fetch_att(in, out);
	do {
		r = imap_fetch_att(in, out);
		if (r != RC_OK)
			return r;
	} while (imap_take(in, ' '));
	return imap_ch(in, ')');
}

/*
 * fetch-modifiers = SP "(" fetch-modifier *(SP fetch-modifier) ")"
 * fetch-modifier  = "CHANGEDSINCE" SP mod-sequence-value / "VANISHED"
 * Each at most once [RFC 4466 2.4, RFC 7162 7].
 */
int
imap_fetch_modifiers(struct imap_in *in, struct imap_fetch *add)
{
	int r;

	if (!imap_take(in, ' '))
		return RC_OK;
	r = imap_ch(in, '(');
	if (r != RC_OK)
		return r;
	do {
		if (!add->vanished && imap_take_word(in, SV("VANISHED"))) {
			add->vanished = true;
			continue;
		}
		if (add->changed_since ||
		    !imap_take_word(in, SV("CHANGEDSINCE")))
			return imap_expected(in, "CHANGEDSINCE or VANISHED");
		add->changed_since = true;
		r = imap_sp(in);
		if (r == RC_OK)
			r = imap_modseq(in, &add->since);
		if (r != RC_OK)
			return r;
	} while (imap_take(in, ' '));
	if (add->vanished && !add->changed_since)
		return imap_expected(in, "CHANGEDSINCE with VANISHED");
	add->items |= IMAP_FETCH_MODSEQ;
	return imap_ch(in, ')');
}

void
imap_put_section(struct buf *out, const struct imap_section *s)
{
	static const char *const what[] = {
	    "", "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT", "MIME"};
	static const char *const form[] = {"BODY[", "BINARY[", "BINARY.SIZE["};
	size_t i;

	if (s->name != NULL) {
		buf_adds(out, s->name);
		return;
	}
	buf_adds(out, form[s->form]);
	for (i = 0; i < s->npart; i++) {
		if (i > 0)
			buf_addc(out, '.');
		buf_addu(out, s->part[i]);
	}
	if (s->npart > 0 && s->what != IMAP_SECTION_ALL)
		buf_addc(out, '.');
	buf_adds(out, what[s->what]);
	for (i = 0; i < s->nfield; i++) {
		buf_adds(out, i == 0 ? " (" : " ");
		imap_put_astring(out, s->field[i]);
	}
	if (s->nfield > 0)
		buf_addc(out, ')');
	buf_addc(out, ']');
	if (s->partial) {
		buf_addc(out, '<');
		buf_addu(out, s->from);
		buf_addc(out, '>');
	}
}
