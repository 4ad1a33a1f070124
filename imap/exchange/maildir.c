#include "imap/exchange/maildir.h"

#include <stdlib.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "imap/parse/parse.h"
#include "imap/parse/utf7.h"

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

static size_t
info_at(struct sv name)
{
	return sv_find(name, SV(":2,"));
}

struct sv
maildir_base(struct sv name)
{
	return sv_first(name, sv_chr(name, ':'));
}

static void
add_flag(struct buf *out, struct sv flag)
{
	if (out->n > 0)
		buf_addc(out, ' ');
	buf_addsv(out, flag);
}

void
maildir_flags(struct sv name, const struct maildir_keywords *k, struct buf *out,
    unsigned *unknown_out)
{
	struct sv info = sv_skip(name, info_at(name));
	uint32_t seen = 0;
	size_t i, j;

	*unknown_out = 0;
	/* Other programs put more behind a comma. */
	for (i = 3; i < info.n && info.p[i] != ','; i++) {
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

int
maildir_folder_name(struct sv dir, struct buf *out)
{
	size_t start = out->n, i;
	int r;

	if (dir.n < 2 || dir.p[0] != '.')
		return RC_SYNTAX;
	dir = sv_skip(dir, 1);
	r = imap_utf7_decode(dir, out);
	if (r == RC_SYNTAX && utf8_valid(dir)) {
		buf_truncate(out, start);
		buf_addsv(out, dir);
		r = RC_OK;
	}
	for (i = start; r == RC_OK && i < out->n; i++) {
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

int
maildir_folder_dir(struct sv name, struct buf *out)
{
	size_t start = out->n;
	size_t i;

	if (sv_chr(name, '.') < name.n)
		return RC_NOSUPPORT;
	buf_addc(out, '.');
	start = out->n;
	imap_utf7_encode(name, out);
	for (i = start; i < out->n; i++)
		if (out->p[i] == '/')
			out->p[i] = '.';
	return buf_ok(out) ? RC_OK : RC_TOOBIG;
}
