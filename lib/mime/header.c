/* Header fields: folding and encoded words. */
#include "base/ascii.h"
#include "base/utf8.h"
#include "mail/field.h"
#include "mime/mime_priv.h"

bool
mime_field_next(struct sv *header, struct mime_field *out)
{
	struct mail_field f;

	if (!mail_field_next(header, &f))
		return false;
	*out = (struct mime_field){f.name, f.value, f.whole};
	return true;
}

bool
mime_field_find(struct sv header, struct sv name, struct sv *value_out)
{
	struct mail_field f;

	if (!mail_field_find(header, name, &f))
		return false;
	*value_out = f.value;
	return true;
}

void
mime_unfold(struct sv value, struct buf *out)
{
	while (value.n > 0) {
		size_t i = 0;

		while (i < value.n && value.p[i] != '\n' && value.p[i] != '\r')
			i++;
		buf_add(out, value.p, i);
		value = sv_skip(value, i + 1);
	}
}

void
mime_narrow(struct sv value, bool ends, struct buf *out)
{
	bool gap = false, any = ends;

	while (value.n > 0) {
		size_t i = 0;

		while (i < value.n && !ascii_is_blank(value.p[i]))
			i++;
		if (i > 0) {
			if (gap && any)
				buf_addc(out, ' ');
			buf_add(out, value.p, i);
			gap = false;
			any = true;
		}
		value = sv_skip(value, i);
		gap = gap || value.n > 0;
		while (value.n > 0 && ascii_is_blank(value.p[0]))
			value = sv_skip(value, 1);
	}
	if (gap && ends)
		buf_addc(out, ' ');
}

/* They bound how far is looked for an end that may not be there. */
#define CHARSET_MAX 60
#define WORD_MAX    4096

struct word {
	struct sv charset, text;
	char encoding; /* 'b' or 'q' */
};

/*
 * encoded-word = "=?" charset "?" encoding "?" encoded-text "?="
 *
 * Blanks inside the text are accepted: some mailers leave them in the Q
 * encoding.  The length limit of 75 is not enforced.
 */
static bool
take_word(struct sv *s, struct word *w)
{
	struct sv r = *s;
	size_t end;

	if (!sv_starts(r, SV("=?")))
		return false;
	r = sv_skip(r, 2);
	if (sv_chr(sv_first(r, CHARSET_MAX + 1), '?') > CHARSET_MAX)
		return false;
	w->charset = sv_split(&r, '?');
	/* [RFC 2231 5]: a language may follow the charset. */
	w->charset = sv_first(w->charset, sv_chr(w->charset, '*'));
	if (w->charset.n == 0 || r.n < 3 || r.p[1] != '?')
		return false;
	w->encoding = ascii_lower(r.p[0]);
	if (w->encoding != 'b' && w->encoding != 'q')
		return false;
	r = sv_skip(r, 2);
	end = sv_find(sv_first(r, WORD_MAX), SV("?="));
	if (end >= r.n || end == WORD_MAX)
		return false;
	w->text = sv_first(r, end);
	*s = sv_skip(r, end + 2);
	return true;
}

/* The "Q" encoding [RFC 2047 4.2]; there is no other way to write "_". */
static void
decode_q(struct sv s, struct buf *out)
{
	struct buf plain;
	size_t i;

	buf_init(&plain, WORD_MAX);
	for (i = 0; i < s.n; i++)
		buf_addc(&plain, s.p[i] == '_' ? ' ' : s.p[i]);
	mime_decode_hex(buf_sv(&plain), '=', out);
	buf_fini(&plain);
}

/* Encoded words that wait, decoded but not yet converted: neighbours of one
 * charset are converted together, since some mailers cut characters. */
struct pending {
	struct sv charset;
	struct buf bytes;
};

static void
flush(struct pending *pe, struct buf *out)
{
	if (pe->charset.p == NULL)
		return;
	mime_to_utf8(pe->charset, buf_sv(&pe->bytes), out);
	pe->charset.p = NULL;
	buf_reset(&pe->bytes);
}

static void
add_word(struct pending *pe, const struct word *w, struct buf *out)
{
	if (pe->charset.p == NULL || !sv_ieq(pe->charset, w->charset))
		flush(pe, out);
	pe->charset = w->charset;
	if (w->encoding == 'b')
		mime_decode_body(w->text, MIME_ENC_BASE64, &pe->bytes);
	else
		decode_q(w->text, &pe->bytes);
}

static void
put_raw(struct sv s, struct buf *out)
{
	if (!utf8_has_8bit(s))
		buf_addsv(out, s);
	else if (utf8_valid(s))
		buf_addsv(out, s);
	else
		mime_to_utf8(SV("windows-1252"), s, out);
}

/* Text between encoded words; white space alone there is dropped, and the
 * line breaks with it [RFC 2047 6.2]. */
static void
put_between(struct sv text, bool after_word, bool before_word, struct buf *out)
{
	if (after_word && before_word && sv_trim(text).n == 0)
		return;
	put_raw(text, out);
}

static void
decode(struct sv s, struct buf *out)
{
	struct pending pe = {.charset = {NULL, 0}};
	struct sv plain = sv_first(s, 0);
	bool after_word = false;

	buf_init(&pe.bytes, s.n + 8);
	while (s.n > 0) {
		struct word w;
		struct sv rest;
		size_t i = sv_chr(s, '=');

		plain.n += i;
		s = sv_skip(s, i);
		rest = s;
		if (s.n > 0 && take_word(&rest, &w)) {
			bool blank = after_word && sv_trim(plain).n == 0;

			if (!blank)
				flush(&pe, out);
			put_between(plain, after_word, true, out);
			add_word(&pe, &w, out);
			after_word = true;
			s = rest;
			plain = sv_first(s, 0);
		} else if (s.n > 0) {
			plain.n++;
			s = sv_skip(s, 1);
		}
	}
	flush(&pe, out);
	put_between(plain, after_word, false, out);
	buf_fini(&pe.bytes);
}

void
mime_decode_header(struct sv value, struct buf *out)
{
	struct buf flat;
	bool folded =
	    sv_chr(value, '\n') < value.n || sv_chr(value, '\r') < value.n;

	if (!folded && sv_find(value, SV("=?")) == value.n) {
		put_raw(value, out);
		return;
	}
	buf_init(&flat, value.n);
	mime_unfold(value, &flat);
	decode(buf_sv(&flat), out);
	buf_fini(&flat);
}

void
mime_header_text(struct sv value, struct buf *out)
{
	struct buf flat, text;

	/* Nearly all are short and without anything to be done. */
	buf_init(&flat, value.n + 1);
	buf_init(&text, 8 * value.n + 64);
	mime_narrow(value, false, &flat);
	mime_decode_header(buf_sv(&flat), &text);
	mime_narrow(buf_sv(&text), false, out);
	buf_fini(&text);
	buf_fini(&flat);
}
