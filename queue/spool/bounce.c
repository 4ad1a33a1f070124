#include "queue/spool/bounce.h"

#include "base/ascii.h"
#include "mail/field.h"

#define HIDDEN "(hidden)"

void
bounce_init(struct bounce *b)
{
	b->failed = false;
	buf_init(&b->why, BOUNCE_WHY_MAX);
	buf_init(&b->header, BOUNCE_HEADER_MAX);
}

void
bounce_fini(struct bounce *b)
{
	buf_fini(&b->header);
	buf_fini(&b->why);
}

/* What is behind the header of the first part of that type; nothing if there
 * is none.  The boundary need not be known: the part's fields are its own. */
static struct sv
part_of(struct sv text, struct sv type)
{
	size_t at = 0;
	struct sv rest = text;
	struct mail_field f;

	while (rest.n > 0) {
		at = sv_ifind(rest, SV("\nContent-Type:"));
		rest = sv_skip(rest, at + 1);
		if (!mail_field_find(
			sv_first(rest, 1000), SV("Content-Type"), &f) ||
		    !sv_istarts(f.value, type))
			continue;
		at = sv_find(rest, SV("\r\n\r\n"));
		return sv_skip(rest, at + 4);
	}
	return rest;
}

/* Words on one line, printable ones, as many as there is room for. */
static void
add_words(struct sv words, struct buf *out)
{
	size_t i;

	for (i = 0; i < words.n && out->n < out->max; i++)
		if (words.p[i] != '\r' && words.p[i] != '\n')
			buf_addc(
			    out, ascii_is_print(words.p[i]) ? words.p[i] : ' ');
}

/* [RFC 3464 2.3] The groups of fields, one for each recipient, have empty lines
 * between them. */
static void
read_status(struct sv part, struct bounce *b)
{
	struct sv group, status = SV("");
	struct mail_field f;
	size_t n;

	while (part.n > 0 && !b->failed && !sv_starts(part, SV("--"))) {
		n = sv_find(part, SV("\r\n\r\n"));
		group = sv_first(part, n);
		part = sv_skip(part, n + 4);
		if (!mail_field_find(group, SV("Action"), &f) ||
		    !sv_istarts(f.value, SV("failed")))
			continue;
		b->failed = true;
		if (mail_field_find(group, SV("Status"), &f))
			status = sv_trim(f.value);
		if (mail_field_find(group, SV("Diagnostic-Code"), &f))
			status =
			    sv_trim(sv_skip(f.value, sv_chr(f.value, ';') + 1));
		add_words(status, &b->why);
	}
}

static void
keep_field(struct sv header, struct sv name, struct buf *out)
{
	struct mail_field f;
	size_t had = out->n;

	if (!mail_field_find(header, name, &f) || f.value.n > 900)
		return;
	buf_addsv(out, name);
	buf_adds(out, ": ");
	add_words(f.value, out);
	buf_adds(out, "\r\n");
	if (!buf_ok(out)) {
		buf_truncate(out, had);
		out->failed = false;
	}
}

void
bounce_read(struct sv text, struct bounce *b)
{
	struct sv header;

	read_status(part_of(text, SV("message/delivery-status")), b);
	header = part_of(text, SV("message/rfc822"));
	if (header.n == 0)
		header = part_of(text, SV("text/rfc822-headers"));
	header = sv_first(header, sv_find(header, SV("\r\n\r\n")));
	keep_field(header, SV("Subject"), &b->header);
	keep_field(header, SV("Date"), &b->header);
	keep_field(header, SV("Message-ID"), &b->header);
}

/* ---- what is not to be seen ---- */

static bool
is_word_char(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '_';
}

/* Does it begin here, with nothing of a word on either side? */
static bool
is_word_at(struct sv words, size_t at, struct sv word)
{
	size_t end = at + word.n;

	return sv_istarts(sv_skip(words, at), word) &&
	       (at == 0 || !is_word_char(words.p[at - 1])) &&
	       (end == words.n || !is_word_char(words.p[end]));
}

void
bounce_hide(struct sv words, struct sv address, struct buf *out)
{
	struct sv local = sv_first(address, sv_rchr(address, '@'));
	size_t i = 0;

	while (i < words.n) {
		struct sv hit = SV("");

		if (sv_istarts(sv_skip(words, i), address))
			hit = address;
		else if (local.n > 0 && is_word_at(words, i, local))
			hit = local;
		if (hit.n > 0)
			buf_adds(out, HIDDEN);
		else
			buf_addc(out, words.p[i]);
		i += hit.n > 0 ? hit.n : 1;
	}
}
