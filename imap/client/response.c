#include "imap/client/response.h"

#include "base/ascii.h"
#include "base/utf8.h"
#include "imap/parse/capability.h"
#include "imap/parse/utf7.h"

#define KEYWORD_MAX 200

static const struct {
	struct sv name;
	enum imap_condition cond;
} conditions[] = {
    {{"OK", 2}, IMAP_COND_OK},
    {{"NO", 2}, IMAP_COND_NO},
    {{"BAD", 3}, IMAP_COND_BAD},
    {{"BYE", 3}, IMAP_COND_BYE},
    {{"PREAUTH", 7}, IMAP_COND_PREAUTH},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- conditions ---- */

/* Up to the bracket that closes; strings inside may hold others. */
static size_t
code_end(struct sv s)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < s.n; i++) {
		if (quoted && s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
		else if (s.p[i] == ']' && !quoted)
			return i;
	}
	return s.n;
}

/*
 * resp-text = ["[" resp-text-code "]" SP] [text]
 * Leniency: a bracket that is not closed is text.
 */
static void
resp_text(struct imap_in *in, struct imap_response *out)
{
	struct sv code;
	size_t end;

	(void)imap_take(in, ' ');
	out->text = in->s;
	if (imap_peek(in) != '[')
		return;
	code = sv_skip(in->s, 1);
	end = code_end(code);
	if (end == code.n)
		return;
	out->text = sv_skip(code, end + 1);
	if (out->text.n > 0 && out->text.p[0] == ' ')
		out->text = sv_skip(out->text, 1);
	code = sv_first(code, end);
	out->code = sv_split(&code, ' ');
	out->code_args = code;
	if (code.p == NULL)
		out->code_args = SV("");
}

static bool
condition(struct imap_in *in, struct imap_response *out)
{
	size_t i;

	for (i = 0; i < COUNT(conditions); i++)
		if (imap_take_word(in, conditions[i].name)) {
			out->kind = IMAP_RESPONSE_CONDITION;
			out->cond = conditions[i].cond;
			resp_text(in, out);
			return true;
		}
	return false;
}

/* ---- values that nobody asked for ---- */

/*
 * Skips one value: an atom, a string, or a list of such.  Atoms may here have
 * all but spaces and parentheses: "\*" and the like.
 */
static int
skip_value(struct imap_in *in)
{
	unsigned depth = 0;
	struct sv s;

	do {
		size_t n = 0;
		int r = imap_element(in);

		if (r != RC_OK)
			return r;
		while (depth > 0 && imap_take(in, ' '))
			continue;
		if (imap_take(in, '(')) {
			if (++depth > in->lim->depth)
				return RC_TOOBIG;
			continue;
		}
		if (depth > 0 && imap_take(in, ')')) {
			depth--;
			continue;
		}
		if (imap_peek(in) == '"' || imap_peek(in) == '{') {
			r = imap_string(in, &s);
			if (r != RC_OK)
				return r;
			continue;
		}
		while (n < in->s.n && in->s.p[n] != ' ' && in->s.p[n] != '(' &&
		       in->s.p[n] != ')' && in->s.p[n] != '"')
			n++;
		if (n == 0)
			return imap_expected(in, "a value");
		in->s = sv_skip(in->s, n);
	} while (depth > 0);
	return RC_OK;
}

/* ---- FETCH ---- */

static bool
all_atom(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!imap_is_atom_char(s.p[i]))
			return false;
	return s.n > 0 && s.n <= KEYWORD_MAX;
}

static bool
is_system_flag(struct sv s)
{
	static const struct sv names[] = {{"\\Seen", 5}, {"\\Answered", 9},
	    {"\\Flagged", 8}, {"\\Deleted", 8}, {"\\Draft", 6}};
	size_t i;

	for (i = 0; i < COUNT(names); i++)
		if (sv_ieq(s, names[i]))
			return true;
	return false;
}

/* "FLAGS" SP "(" [flag-fetch *(SP flag-fetch)] ")" */
static int
fetch_flags(struct imap_in *in, struct imap_fetch_data *f)
{
	size_t end = sv_chr(in->s, ')');
	struct sv list, flag;
	struct buf keep;

	if (imap_peek(in) != '(' || end == in->s.n)
		return imap_expected(in, "flags");
	list = sv_of(in->s.p + 1, end - 1);
	in->s = sv_skip(in->s, end + 1);
	buf_init(&keep, list.n + 1);
	f->strange = 0;
	while (list.p != NULL) {
		flag = sv_split(&list, ' ');
		if (flag.n == 0 || sv_ieq(flag, SV("\\Recent")))
			continue;
		if (!is_system_flag(flag) && !all_atom(flag)) {
			f->strange++;
			continue;
		}
		if (keep.n > 0)
			buf_addc(&keep, ' ');
		buf_addsv(&keep, flag);
	}
	f->flags = arena_dup(in->arena, buf_sv(&keep));
	f->has_flags = true;
	buf_fini(&keep);
	return RC_OK;
}

/* A literal's header at the very end of what is there. */
static bool
literal_begins(struct imap_in *in, uint64_t *size)
{
	struct sv s = in->s;

	if (s.n > 0 && s.p[0] == '~')
		s = sv_skip(s, 1);
	if (s.n == 0 || s.p[0] != '{')
		return false;
	s = sv_skip(s, 1);
	if (sv_take_u64(&s, INT64_MAX, size) != RC_OK)
		return false;
	return sv_eq(s, SV("}\r\n")) || sv_eq(s, SV("}\n"));
}

static int
fetch_body(struct imap_in *in, struct imap_fetch_data *f)
{
	bool nil;
	int r;

	f->body = SV("");
	if (literal_begins(in, &f->literal)) {
		f->has_body = true;
		return RC_MORE;
	}
	r = imap_nstring(in, &f->body, &nil);
	f->has_body = f->has_body || !nil;
	return r;
}

/* A message is not lost because its date is invalid. */
static int
fetch_date(struct imap_in *in, struct imap_fetch_data *f)
{
	struct imap_in copy = *in;

	if (imap_date_time(&copy, &f->date) == RC_OK) {
		*in = copy;
		return RC_OK;
	}
	f->date = (struct imap_date_time){0};
	return skip_value(in);
}

/* The name of a data item; with its brackets, if it has some. */
static struct sv
item_name(struct imap_in *in)
{
	size_t n = 0;
	struct sv name;

	while (n < in->s.n && in->s.p[n] != ' ' && in->s.p[n] != '(' &&
	       in->s.p[n] != ')') {
		if (in->s.p[n] == '[')
			n += sv_chr(sv_skip(in->s, n), ']');
		if (n < in->s.n)
			n++;
	}
	name = sv_first(in->s, n);
	in->s = sv_skip(in->s, n);
	return name;
}

static int
fetch_item(struct imap_in *in, struct imap_fetch_data *f)
{
	struct sv name = item_name(in);
	int r = imap_element(in);

	if (r == RC_OK && name.n == 0)
		r = imap_expected(in, "a data item");
	if (r == RC_OK)
		r = imap_sp(in);
	if (r != RC_OK)
		return r;
	if (sv_ieq(name, SV("UID")))
		return imap_nz_number(in, &f->uid);
	if (sv_ieq(name, SV("RFC822.SIZE"))) {
		f->has_size = true;
		return imap_number64(in, &f->size);
	}
	if (sv_ieq(name, SV("FLAGS")))
		return fetch_flags(in, f);
	if (sv_ieq(name, SV("INTERNALDATE")))
		return fetch_date(in, f);
	if (sv_ieq(name, SV("BODY[]")) || sv_ieq(name, SV("BINARY[]")))
		return fetch_body(in, f);
	return skip_value(in);
}

/* What is left of msg-att up to its ")". */
static int
fetch_items(struct imap_in *in, struct imap_fetch_data *f)
{
	while (!imap_take(in, ')')) {
		int r;

		if (imap_take(in, ' '))
			continue;
		r = fetch_item(in, f);
		if (r != RC_OK)
			return r;
	}
	/* Spaces at the end are seen. */
	in->s = sv_trim(in->s);
	return imap_end(in);
}

/* ---- LIST, STATUS, NAMESPACE ---- */

static const struct {
	struct sv name;
	unsigned bit;
} attributes[] = {
    {{"\\Noselect", 9}, IMAP_LIST_NOSELECT},
    {{"\\NonExistent", 12}, IMAP_LIST_NOSELECT},
    {{IMAP_LIST_RESTORE, sizeof IMAP_LIST_RESTORE - 1}, IMAP_LIST_EXPUNGED},
    {{"\\Subscribed", 11}, IMAP_LIST_SHOWN},
    {{"\\Drafts", 7}, IMAP_LIST_DRAFTS},
    {{"\\Sent", 5}, IMAP_LIST_SENT},
    {{"\\Junk", 5}, IMAP_LIST_JUNK},
    {{"\\Trash", 6}, IMAP_LIST_TRASH},
    {{"\\Archive", 8}, IMAP_LIST_ARCHIVE},
    {{"\\All", 4}, IMAP_LIST_ALL},
    {{"\\Flagged", 8}, IMAP_LIST_FLAGGED},
};

static int
list_attributes(struct imap_in *in, unsigned *bits)
{
	size_t end = sv_chr(in->s, ')'), i;
	struct sv list;

	if (imap_peek(in) != '(' || end == in->s.n)
		return imap_expected(in, "a mailbox's attributes");
	list = sv_of(in->s.p + 1, end - 1);
	in->s = sv_skip(in->s, end + 1);
	while (list.p != NULL) {
		struct sv a = sv_split(&list, ' ');

		for (i = 0; i < COUNT(attributes); i++)
			if (sv_ieq(a, attributes[i].name))
				*bits |= attributes[i].bit;
	}
	return RC_OK;
}

/* DQUOTE QUOTED-CHAR DQUOTE / nil */
static int
list_delimiter(struct imap_in *in, char *out)
{
	struct sv s;
	bool nil;
	int r = imap_nstring(in, &s, &nil);

	if (r == RC_OK && s.n > 1)
		return imap_expected(in, "a delimiter");
	if (r == RC_OK)
		*out = s.n > 0 ? s.p[0] : '\0';
	return r;
}

/* Modified UTF-7, or the UTF-8 that some servers send in its place; whatever
 * else it is, it is shown as well as possible. */
static struct sv
to_utf8(struct imap_in *in, struct sv wire, char delimiter)
{
	struct sv name;
	struct buf b;
	size_t i;
	char *p;

	buf_init(&b, wire.n * 3 + 1);
	if (imap_utf7_decode(wire, &b) != RC_OK) {
		buf_reset(&b);
		utf8_repair(&b, wire);
	}
	p = arena_alloc(in->arena, b.n + 1);
	memcpy(p, b.p, b.n);
	/* A '/' within a level would make two of it. */
	for (i = 0; i < b.n && delimiter != '\0'; i++)
		if (p[i] == delimiter)
			p[i] = '/';
		else if (p[i] == '/')
			p[i] = '_';
	name = sv_of(p, b.n);
	if (sv_ieq(name, SV("INBOX")))
		name = SV("INBOX");
	buf_fini(&b);
	return name;
}

static int
list(struct imap_in *in, struct imap_response *out)
{
	int r = imap_sp(in);

	if (r == RC_OK)
		r = list_attributes(in, &out->list.attributes);
	if (r == RC_OK)
		r = imap_sp(in);
	if (r == RC_OK)
		r = list_delimiter(in, &out->list.delimiter);
	if (r == RC_OK)
		r = imap_sp(in);
	if (r == RC_OK)
		r = imap_list_mailbox(in, &out->list.wire);
	if (r != RC_OK)
		return r;
	out->kind = IMAP_RESPONSE_LIST;
	out->list.name = to_utf8(in, out->list.wire, out->list.delimiter);
	return RC_OK; /* extended items are not asked for */
}

/* STATUS: mailbox SP "(" [status-att SP number ...] ")" */
static int
status(struct imap_in *in, struct imap_response *out)
{
	int r = imap_sp(in);

	if (r == RC_OK)
		r = imap_list_mailbox(in, &out->list.wire);
	if (r == RC_OK)
		r = imap_sp(in);
	if (r == RC_OK)
		r = imap_ch(in, '(');
	while (r == RC_OK && !imap_take(in, ')')) {
		uint64_t v = 0;
		struct sv name;

		if (imap_take(in, ' '))
			continue;
		r = imap_element(in);
		if (r == RC_OK)
			r = imap_atom(in, &name);
		if (r == RC_OK)
			r = imap_sp(in);
		if (r == RC_OK && !ascii_is_digit(imap_peek(in)))
			r = skip_value(in);
		else if (r == RC_OK)
			r = imap_number64(in, &v);
		if (r != RC_OK || v > UINT32_MAX)
			continue;
		if (sv_ieq(name, SV("MESSAGES")))
			out->status.messages = (uint32_t)v;
		else if (sv_ieq(name, SV("UIDNEXT")))
			out->status.uidnext = (uint32_t)v;
		else if (sv_ieq(name, SV("UIDVALIDITY")))
			out->status.uidvalidity = (uint32_t)v;
	}
	if (r == RC_OK)
		out->kind = IMAP_RESPONSE_STATUS;
	return r;
}

/* The first personal namespace [RFC 2342 5]; there may be none. */
static int namespace(struct imap_in *in, struct imap_response *out)
{
	int r = imap_sp(in);

	out->kind = IMAP_RESPONSE_NAMESPACE;
	if (r != RC_OK || imap_take_word(in, SV("NIL")))
		return r;
	r = imap_ch(in, '(');
	if (r == RC_OK)
		r = imap_ch(in, '(');
	if (r == RC_OK)
		r = imap_string(in, &out->list.wire);
	if (r == RC_OK)
		r = imap_sp(in);
	if (r == RC_OK)
		r = list_delimiter(in, &out->list.delimiter);
	if (r == RC_OK)
		out->list.name =
		    to_utf8(in, out->list.wire, out->list.delimiter);
	return r;
}

/* ---- the whole ---- */

/* nz-number SP ("EXISTS" / "EXPUNGE" / "FETCH" SP msg-att) */
static int
message_data(struct imap_in *in, struct imap_response *out)
{
	int r = imap_number(in, &out->number);

	if (r == RC_OK)
		r = imap_sp(in);
	if (r != RC_OK)
		return r;
	if (imap_take_word(in, SV("EXISTS"))) {
		out->kind = IMAP_RESPONSE_EXISTS;
	} else if (imap_take_word(in, SV("EXPUNGE"))) {
		out->kind = IMAP_RESPONSE_EXPUNGE;
	} else if (imap_take_word(in, SV("FETCH"))) {
		out->kind = IMAP_RESPONSE_FETCH;
		r = imap_sp(in);
		if (r == RC_OK)
			r = imap_ch(in, '(');
		if (r == RC_OK)
			r = fetch_items(in, &out->fetch);
	}
	return r;
}

static int
untagged(struct imap_in *in, struct imap_response *out)
{
	int r = imap_sp(in);

	if (r != RC_OK || condition(in, out))
		return r;
	if (ascii_is_digit(imap_peek(in)))
		return message_data(in, out);
	if (imap_take_word(in, SV("CAPABILITY"))) {
		out->kind = IMAP_RESPONSE_CAPABILITY;
		out->text = sv_trim(in->s);
		return RC_OK;
	}
	if (imap_take_word(in, SV("LIST")))
		return list(in, out);
	if (imap_take_word(in, SV("STATUS")))
		return status(in, out);
	if (imap_take_word(in, SV("NAMESPACE")))
		return namespace(in, out);
	return RC_OK;
}

int
imap_response_parse(struct imap_in *in, struct imap_response *out)
{
	int r;

	*out = (struct imap_response){.kind = IMAP_RESPONSE_OTHER};
	if (imap_take(in, '+')) {
		out->kind = IMAP_RESPONSE_CONTINUE;
		(void)imap_take(in, ' ');
		out->text = in->s;
		return RC_OK;
	}
	if (imap_take(in, '*'))
		return untagged(in, out);
	r = imap_tag(in, &out->tag);
	if (r == RC_OK)
		r = imap_sp(in);
	if (r == RC_OK && !condition(in, out))
		r = imap_expected(in, "OK, NO or BAD");
	return r;
}

int
imap_response_rest(struct imap_in *in, struct imap_response *out)
{
	return fetch_items(in, &out->fetch);
}

bool
imap_capability_has(struct sv list, struct sv name)
{
	while (list.p != NULL)
		if (sv_ieq(sv_split(&list, ' '), name))
			return true;
	return false;
}

int
imap_appenduid_parse(
    struct sv args, uint32_t *uidvalidity_out, uint32_t *last_uid_out)
{
	struct sv validity = sv_split(&args, ' ');
	uint32_t v, uid;
	size_t i = args.n;

	/* A set in rising order: its last number is the highest. */
	while (i > 0 && ascii_is_digit(args.p[i - 1]))
		i--;
	if (sv_to_u32(validity, UINT32_MAX, &v) != RC_OK ||
	    sv_to_u32(sv_skip(args, i), UINT32_MAX, &uid) != RC_OK)
		return RC_SYNTAX;
	*uidvalidity_out = v;
	*last_uid_out = uid;
	return RC_OK;
}
