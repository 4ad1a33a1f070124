#include "imap/transfer/maildir.h"

#include <stdlib.h>

#include "base/ascii.h"
#include "imap/parse/parse.h"
#include "imap/parse/utf7.h"
#include "imap/transfer/disk.h"

static const struct {
	char letter;
	struct sv flag;
} letters[] = {
    {'D', {"\\Draft", 6}},
    {'F', {"\\Flagged", 8}},
    {'P', {"$Forwarded", 10}},
    {'R', {"\\Answered", 9}},
    {'S', {"\\Seen", 5}},
    {'T', {"\\Deleted", 8}},
};

#define LETTERS (sizeof letters / sizeof letters[0])

#define COURIER_MAX 10000 /* keywords that are listed */

static void
add_flag(struct buf *out, struct sv flag)
{
	if (out->n > 0)
		buf_addc(out, ' ');
	buf_addsv(out, flag);
}

/* ---- keywords ---- */

void
maildir_keywords_fini(struct maildir_keywords *k)
{
	size_t i;

	for (i = 0; i < MAILDIR_KEYWORDS; i++) {
		free(k->name[i]);
		k->name[i] = NULL;
	}
}

static bool
is_keyword(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!imap_is_atom_char(s.p[i]))
			return false;
	return s.n > 0 && s.n <= MAILDIR_KEYWORD_MAX;
}

void
maildir_keywords_parse(
    struct sv text, struct maildir_keywords *out, unsigned *bad_out)
{
	*out = (struct maildir_keywords){{NULL}};
	*bad_out = 0;
	while (text.n > 0) {
		struct sv line = sv_trim(sv_split(&text, '\n'));
		struct sv number = sv_split(&line, ' ');
		uint64_t i;

		if (number.n == 0)
			continue;
		if (sv_to_u64(number, MAILDIR_KEYWORDS - 1, &i) != RC_OK ||
		    !is_keyword(line) || out->name[i] != NULL) {
			++*bad_out;
			continue;
		}
		out->name[i] = sv_dup(line);
	}
}

/* The line of that number. */
static struct sv
line_of(struct sv text, uint64_t number)
{
	struct sv line = sv_split(&text, '\n');

	for (; number > 0 && text.n > 0; number--)
		line = sv_split(&text, '\n');
	return number == 0 ? sv_trim(line) : SV("");
}

void
maildir_courier_keywords(struct sv list, struct sv base, struct buf *flags)
{
	size_t end = sv_find(list, SV("\n\n"));
	struct sv names = sv_first(list, end), rest = sv_skip(list, end + 2);

	while (rest.n > 0) {
		struct sv line = sv_trim(sv_split(&rest, '\n'));
		size_t colon = sv_rchr(line, ':');

		if (!sv_eq(sv_first(line, colon), base))
			continue;
		line = sv_skip(line, colon + 1);
		while (line.n > 0) {
			struct sv number = sv_split(&line, ' '), name;
			uint64_t i;

			if (sv_to_u64(number, COURIER_MAX, &i) != RC_OK)
				continue;
			name = line_of(names, i);
			if (is_keyword(name))
				add_flag(flags, name);
		}
		return;
	}
}

char
maildir_keyword_letter(struct maildir_keywords *k, struct sv name)
{
	size_t i;

	for (i = 0; i < MAILDIR_KEYWORDS; i++) {
		if (k->name[i] == NULL)
			k->name[i] = sv_dup(name);
		if (sv_ieq(sv_str(k->name[i]), name))
			return (char)('a' + i);
	}
	return '\0';
}

void
maildir_keywords_print(const struct maildir_keywords *k, struct buf *out)
{
	size_t i;

	for (i = 0; i < MAILDIR_KEYWORDS; i++)
		if (k->name[i] != NULL)
			buf_addf(out, "%zu %s\n", i, k->name[i]);
}

/* ---- files ---- */

/* What may stand for the colon: also what Samba, Cygwin and web panels make of
 * it. */
static const struct sv colons[] = {{":", 1}, {";", 1}, {"!", 1}, {"-", 1},
    {"_", 1}, {"+", 1}, {"~", 1}, {"=", 1}, {" ", 1}, {"%3A", 3}, {"%3a", 3},
    {"\xef\x80\xa2", 3}, {"\xef\x80\xba", 3}, {"\xea\x9e\x89", 3},
    {"\xef\xbc\x9a", 3}};

/* Nothing but flags, perhaps more behind a comma. */
static bool
is_info(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n && s.p[i] != ','; i++)
		if (!ascii_is_alpha(s.p[i]))
			return false;
	return true;
}

/* The length of "2," or of what web panels make of it at the end; 0: none. */
static size_t
two_at(struct sv head)
{
	static const struct sv twos[] = {{"2,", 2}, {"2%2C", 4}, {"2%2c", 4}};
	size_t i;

	for (i = 0; i < sizeof twos / sizeof twos[0]; i++)
		if (sv_ends(head, twos[i]))
			return twos[i].n;
	return 0;
}

/* Where the colon is, and where the flags begin; both name.n: nowhere. */
static void
info_at(struct sv name, size_t *colon, size_t *flags)
{
	size_t i, j;

	*colon = sv_find(name, SV(":2,"));
	*flags = *colon < name.n ? *colon + 3 : name.n;
	if (*colon < name.n)
		return;
	for (i = name.n; i > 1; i--) {
		struct sv head = sv_first(name, i);
		size_t two = two_at(head);

		if (two == 0 || !is_info(sv_skip(name, i)))
			continue;
		head.n -= two;
		for (j = 0; j < sizeof colons / sizeof colons[0]; j++)
			if (sv_ends(head, colons[j]) && head.n > colons[j].n) {
				*colon = head.n - colons[j].n;
				*flags = i;
				return;
			}
	}
}

struct sv
maildir_base(struct sv name)
{
	size_t colon, flags;

	info_at(name, &colon, &flags);
	return colon < name.n ? sv_first(name, colon)
			      : sv_first(name, sv_chr(name, ':'));
}

#define TIME_MIN 500000000 /* 1985: a number below is something else */

int64_t
maildir_time(struct sv name)
{
	uint64_t v;

	if (sv_take_u64(&name, UINT32_MAX, &v) != RC_OK || v < TIME_MIN ||
	    name.n == 0 || (name.p[0] != '.' && name.p[0] != '_'))
		return 0;
	return (int64_t)v;
}

void
maildir_flags(struct sv name, const struct maildir_keywords *k, struct buf *out,
    unsigned *unknown_out)
{
	uint32_t seen = 0;
	size_t i, j, colon;
	struct sv info;

	info_at(name, &colon, &i);
	info = sv_skip(name, i);
	*unknown_out = 0;
	/* Other programs put more behind a comma. */
	for (i = 0; i < info.n && info.p[i] != ','; i++) {
		char c = info.p[i];

		if (ascii_is_lower(c)) {
			const char *word = k->name[c - 'a'];
			uint32_t bit = 1u << (c - 'a');

			if (word == NULL)
				++*unknown_out;
			else if ((seen & bit) == 0)
				add_flag(out, sv_str(word));
			seen |= bit;
			continue;
		}
		for (j = 0; j < LETTERS && letters[j].letter != c; j++)
			continue;
		if (j == LETTERS)
			++*unknown_out;
		else if ((seen & 1u << (26 + j)) == 0)
			add_flag(out, letters[j].flag);
		if (j < LETTERS)
			seen |= 1u << (26 + j);
	}
}

void
maildir_info(struct sv flags, struct maildir_keywords *k, struct buf *out,
    unsigned *lost_out)
{
	bool system[LETTERS] = {false}, keyword[MAILDIR_KEYWORDS] = {false};
	size_t i;

	*lost_out = 0;
	while (flags.n > 0) {
		struct sv f = sv_split(&flags, ' ');
		char c;

		for (i = 0; i < LETTERS && !sv_ieq(f, letters[i].flag); i++)
			continue;
		if (i < LETTERS) {
			system[i] = true;
			continue;
		}
		if (f.n == 0 || f.p[0] == '\\')
			continue;
		c = maildir_keyword_letter(k, f);
		if (c != '\0')
			keyword[c - 'a'] = true;
		else
			++*lost_out;
	}
	buf_adds(out, ":2,");
	for (i = 0; i < LETTERS; i++)
		if (system[i])
			buf_addc(out, letters[i].letter);
	for (i = 0; i < MAILDIR_KEYWORDS; i++)
		if (keyword[i])
			buf_addc(out, (char)('a' + i));
}

/* ---- folders ---- */

/* What "\2e" and its like stand for; NUL: nothing.  "\2f" would be a level. */
static char
escaped(struct sv s)
{
	static const struct {
		struct sv text;
		char c;
	} known[] = {{{"\\2e", 3}, '.'}, {{"\\2f", 3}, '_'},
	    {{"\\5c", 3}, '\\'}, {{"\\7e", 3}, '~'}};
	size_t k;

	for (k = 0; k < sizeof known / sizeof known[0]; k++)
		if (sv_istarts(s, known[k].text))
			return known[k].c;
	return '\0';
}

static bool
unescape(struct buf *b, size_t i)
{
	char c = escaped(sv_skip(buf_sv(b), i));

	if (c == '\0')
		return false;
	memmove(b->p + i + 1, b->p + i + 3, b->n - i - 3);
	buf_truncate(b, b->n - 2);
	b->p[i] = c;
	return true;
}

int
maildir_folder_name(struct sv dir, struct buf *out)
{
	size_t start = out->n, i;
	int r;

	if (dir.n < 2 || dir.p[0] != '.')
		return RC_SYNTAX;
	dir = sv_skip(dir, 1);
	/* Evolution's, of a folder below the inbox. */
	if (dir.n > 1 && dir.p[0] == '.') {
		dir = sv_skip(dir, 1);
		buf_adds(out, "INBOX/");
		start = out->n;
	}
	r = imap_utf7_decode(dir, out);
	if (r == RC_SYNTAX) {
		buf_truncate(out, start);
		disk_put_name(out, dir);
		r = RC_OK;
	}
	for (i = start; r == RC_OK && i < out->n; i++) {
		if (unescape(out, i))
			continue;
		if (out->p[i] == '.')
			out->p[i] = '/';
		else if (ascii_is_ctl(out->p[i]))
			r = RC_SYNTAX;
		if (out->p[i] == '/' &&
		    (i == start || out->p[i - 1] == '/' || i + 1 == out->n))
			r = RC_SYNTAX;
	}
	return r;
}

void
maildir_evolution_name(struct buf *name, size_t from)
{
	size_t i;

	for (i = from; i < name->n; i++) {
		struct sv s = sv_skip(buf_sv(name), i);

		if (!sv_istarts(s, SV("_2E")) && !sv_istarts(s, SV("_5F")))
			continue;
		name->p[i] = s.p[1] == '2' ? '.' : '_';
		memmove(name->p + i + 1, name->p + i + 3, name->n - i - 3);
		buf_truncate(name, name->n - 2);
	}
}

int
maildir_folder_dir(struct sv name, struct buf *out)
{
	struct buf b;
	size_t start, i;

	buf_init(&b, 3 * name.n + 1);
	for (i = 0; i < name.n; i++) {
		buf_addc(&b, name.p[i]);
		/* A '\\' that stands for more only if it looks so. */
		if (name.p[i] == '.' || escaped(sv_skip(name, i)) != '\0') {
			buf_truncate(&b, b.n - 1);
			buf_adds(&b, name.p[i] == '.' ? "\\2e" : "\\5c");
		}
	}
	buf_addc(out, '.');
	start = out->n;
	imap_utf7_encode(buf_sv(&b), out);
	buf_fini(&b);
	for (i = start; i < out->n; i++)
		if (out->p[i] == '/')
			out->p[i] = '.';
	return buf_ok(out) ? RC_OK : RC_TOOBIG;
}

void
maildir_subscriptions(struct sv text, struct buf *out)
{
	struct sv inbox = SV(".INBOX.");
	bool second = sv_starts(text, SV("V\t2"));
	struct buf dir;

	if (second)
		(void)sv_split(&text, '\n');
	buf_init(&dir, 4096);
	while (text.n > 0) {
		struct sv line = sv_trim(sv_split(&text, '\n')), s;
		size_t start = out->n, i;

		buf_reset(&dir);
		buf_addc(&dir, '.');
		buf_addsv(&dir, line);
		for (i = 0; second && i < dir.n; i++)
			if (dir.p[i] == '\t')
				dir.p[i] = '.';
		s = buf_sv(&dir);
		if (sv_starts(s, inbox))
			s = sv_skip(s, inbox.n - 1);
		if (buf_ok(&dir) && maildir_folder_name(s, out) == RC_OK)
			buf_addc(out, '\n');
		else
			buf_truncate(out, start);
		dir.failed = false;
	}
	buf_fini(&dir);
}
