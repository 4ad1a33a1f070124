#include "sieve/letter.h"

#include <sodium.h>
#include <string.h>

#include "base/ascii.h"
#include "base/be.h"
#include "base/utf8.h"
#include "mail/addrlist.h"
#include "mail/date.h"
#include "mail/field.h"
#include "mail/lex.h"
#include "mime/mime.h"
#include "sieve/address.h"
#include "sieve/fields.h"

#define LINE_MAX_BYTES 76
#define WORD_BYTES     45 /* of text in one encoded word: 60 of base64 */
#define FIELD_MAX      4096
#define REFERENCES_MAX 2000

/* No line breaks, no control characters, valid UTF-8, and not too long. */
static void
clean(struct sv s, struct buf *out)
{
	uint32_t cp;

	while (s.n > 0 && out->n < FIELD_MAX) {
		if (utf8_next(&s, &cp) != RC_OK)
			cp = 0xfffd;
		utf8_put(out, cp < ' ' || cp == 127 ? ' ' : cp);
	}
}

static void
put_base64(struct buf *out, struct sv s)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)s.p;

	for (size_t i = 0; i < s.n; i += 3) {
		unsigned v = (unsigned)p[i] << 16;

		v |= i + 1 < s.n ? (unsigned)p[i + 1] << 8 : 0;
		v |= i + 2 < s.n ? (unsigned)p[i + 2] : 0;
		buf_addc(out, digits[v >> 18]);
		buf_addc(out, digits[v >> 12 & 63]);
		buf_addc(out, i + 1 < s.n ? digits[v >> 6 & 63] : '=');
		buf_addc(out, i + 2 < s.n ? digits[v & 63] : '=');
	}
}

/* Encoded words [RFC 2047 2], each on a line of its own. */
static void
put_encoded(struct buf *out, struct sv s)
{
	while (s.n > 0) {
		size_t n = s.n < WORD_BYTES ? s.n : WORD_BYTES;

		while (n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
			n--;
		buf_adds(out, "=?UTF-8?B?");
		put_base64(out, sv_first(s, n));
		buf_adds(out, "?=");
		s = sv_skip(s, n);
		if (s.n > 0)
			buf_adds(out, "\r\n ");
	}
}

/* ASCII words, folded where there are blanks. */
static void
put_folded(struct buf *out, struct sv s, size_t column)
{
	while (s.n > 0) {
		size_t n = s.p[0] == ' ';

		while (n < s.n && s.p[n] != ' ')
			n++;
		/* Only in front of a word, so that no line is blank. */
		if (column + n > LINE_MAX_BYTES && column > 1 && n > 1 &&
		    s.p[0] == ' ') {
			buf_adds(out, "\r\n");
			column = 0;
		}
		buf_addsv(out, sv_first(s, n));
		column += n;
		s = sv_skip(s, n);
	}
}

void
sieve_put_field(struct buf *out, const char *name, struct sv value)
{
	struct buf b;
	struct sv s;

	buf_init(&b, FIELD_MAX + 8);
	clean(value, &b);
	s = sv_trim(buf_sv(&b));
	buf_addf(out, "%s: ", name);
	/* What looks like an encoded word is one already, and could say
	 * anything; it is encoded, so that it is shown as it is. */
	if (utf8_has_8bit(s) || sv_find(s, SV("=?")) < s.n)
		put_encoded(out, s);
	else
		put_folded(out, s, strlen(name) + 2);
	buf_adds(out, "\r\n");
	buf_fini(&b);
}

/* Line breaks that do not fold are blanks, too. */
static void
join_lines(struct sv s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		bool end = s.p[i] == '\n' || s.p[i] == '\r';

		if (!end)
			buf_addc(out, s.p[i]);
		else if (i + 1 < s.n && !ascii_is_blank(s.p[i + 1]))
			buf_addc(out, ' ');
	}
}

void
sieve_put_written(struct buf *out, const char *name, struct sv value)
{
	struct buf lines, text;

	buf_init(&lines, value.n + 8);
	buf_init(&text, 4 * value.n + 8);
	join_lines(value, &lines);
	mime_decode_header(buf_sv(&lines), &text);
	sieve_put_field(out, name, buf_sv(&text));
	buf_fini(&text);
	buf_fini(&lines);
}

static void
put_name(struct buf *out, struct sv written)
{
	struct sv name;
	struct buf decoded, b;
	bool atoms;

	/* What was encoded may have line breaks and controls. */
	buf_init(&decoded, 4 * written.n + 8);
	buf_init(&b, FIELD_MAX + 8);
	mime_decode_header(written, &decoded);
	clean(buf_sv(&decoded), &b);
	buf_fini(&decoded);
	name = buf_sv(&b);
	if (utf8_has_8bit(name) || sv_find(name, SV("=?")) < name.n) {
		put_encoded(out, name);
		buf_fini(&b);
		return;
	}
	atoms = name.n > 0;
	for (size_t i = 0; i < name.n; i++)
		atoms &= mail_is_atext(name.p[i]) || name.p[i] == ' ';
	if (!atoms)
		buf_addc(out, '"');
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '"' || name.p[i] == '\\')
			buf_addc(out, '\\');
		buf_addc(out, name.p[i]);
	}
	if (!atoms)
		buf_addc(out, '"');
	buf_fini(&b);
}

void
sieve_put_addresses(struct buf *out, const char *name, struct sv value)
{
	struct mail_addrlist l;
	struct mail_addr a;
	struct buf b;
	unsigned n = 0;

	buf_init(&b, FIELD_MAX + 8);
	clean(value, &b);
	buf_addf(out, "%s: ", name);
	mail_addrlist_init(&l, buf_sv(&b));
	while (mail_addrlist_next(&l, &a)) {
		struct sieve_address x = {a.local, a.domain, false};

		if (a.kind != MAIL_ADDR_MAILBOX || a.local.n == 0)
			continue;
		if (n++ > 0)
			buf_adds(out, ",\r\n ");
		if (a.name.n > 0) {
			put_name(out, a.name);
			buf_adds(out, " <");
		}
		sieve_address_put(&x, out);
		if (a.name.n > 0)
			buf_addc(out, '>');
	}
	mail_addrlist_fini(&l);
	buf_adds(out, "\r\n");
	buf_fini(&b);
}

/* ---- bodies ---- */

void
sieve_put_lines(struct buf *out, struct sv text)
{
	while (text.n > 0) {
		size_t n = sv_chr(text, '\n');
		struct sv line = sv_first(text, n);

		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		buf_addsv(out, line);
		buf_adds(out, "\r\n");
		text = sv_skip(text, n + 1);
	}
}

static bool
is_plain(struct sv text)
{
	size_t line = 0;

	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		line = c == '\n' ? 0 : line + 1;
		if (c >= 127 || (c < ' ' && c != '\t' && c != '\n') ||
		    line > 900)
			return false;
	}
	return true;
}

/* Quoted-printable [RFC 2045 6.7] of text whose lines end with LF. */
static void
put_quoted(struct buf *out, struct sv s)
{
	size_t line = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool end = i + 1 == s.n || s.p[i + 1] == '\n';
		bool raw = (ascii_is_graph((char)c) && c != '=') ||
			   ((c == ' ' || c == '\t') && !end);

		if (c == '\n') {
			buf_adds(out, "\r\n");
			line = 0;
			continue;
		}
		if (line + (raw ? 1 : 3) > LINE_MAX_BYTES - 1) {
			buf_adds(out, "=\r\n");
			line = 0;
		}
		/* A dot alone on a line, and "From ", are left to nobody. */
		if (raw && line == 0 && (c == '.' || c == 'F'))
			raw = false;
		if (raw)
			buf_addc(out, (char)c);
		else
			buf_addf(out, "=%02X", c);
		line += raw ? 1 : 3;
	}
}

void
sieve_put_text(struct buf *out, struct sv text)
{
	struct buf b, lines;

	/* Valid UTF-8, with LF alone. */
	buf_init(&b, 3 * text.n + 8);
	utf8_repair(&b, text);
	buf_init(&lines, b.n + 8);
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] != '\r')
			buf_addc(&lines, b.p[i]);
	if (lines.n == 0 || lines.p[lines.n - 1] != '\n')
		buf_addc(&lines, '\n');
	buf_adds(out, "Content-Type: text/plain; charset=utf-8\r\n");
	if (is_plain(buf_sv(&lines))) {
		buf_adds(out, "Content-Transfer-Encoding: 7bit\r\n\r\n");
		sieve_put_lines(out, buf_sv(&lines));
	} else {
		buf_adds(out, "Content-Transfer-Encoding: quoted-printable"
			      "\r\n\r\n");
		put_quoted(out, buf_sv(&lines));
	}
	buf_fini(&lines);
	buf_fini(&b);
}

void
sieve_put_entity(struct buf *out, struct sv entity)
{
	struct mail_header_scan scan = {0};
	struct sv header, body;
	struct mail_field f;
	bool typed = false, encoded = false;

	mail_header_scan_end(&scan, entity);
	header = sv_first(entity, scan.header);
	body = sv_skip(entity, scan.body);
	while (mail_field_next(&header, &f)) {
		if (!sv_istarts(f.name, SV("Content-")))
			continue;
		typed |= sv_ieq(f.name, SV("Content-Type"));
		encoded |= sv_ieq(f.name, SV("Content-Transfer-Encoding"));
		sieve_put_lines(out, f.whole);
	}
	if (!typed)
		buf_adds(out, "Content-Type: text/plain; charset=utf-8\r\n");
	/* Without a word it would be 7bit [RFC 2045 6.1]. */
	if (!encoded && utf8_has_8bit(body))
		buf_adds(out, "Content-Transfer-Encoding: 8bit\r\n");
	buf_adds(out, "\r\n");
	sieve_put_lines(out, body);
}

/* ---- fields of an answer ---- */

struct sv
sieve_first_field(struct sieve_run *r, struct sv name)
{
	struct mail_field f;

	if (!mail_field_find(r->doc.header, name, &f))
		return SV("");
	return sieve_field_text(r, f.value);
}

void
sieve_host_name(struct sieve_run *r, struct buf *out)
{
	const struct sieve_host *h = r->host;
	size_t at = sv_rchr(r->message->to, '@');

	if (h->environment != NULL &&
	    h->environment(r->arg, SV("host"), out) == RC_OK && out->n > 0)
		return;
	buf_reset(out);
	if (at + 1 < r->message->to.n)
		buf_addsv(out, sv_skip(r->message->to, at + 1));
	else
		buf_adds(out, "localhost");
}

void
sieve_key(unsigned char key[SIEVE_KEY_BYTES], const char *what,
    const struct sv *part, size_t n)
{
	crypto_generichash_state st;
	unsigned char size[8];

	(void)crypto_generichash_init(&st, NULL, 0, SIEVE_KEY_BYTES);
	(void)crypto_generichash_update(
	    &st, (const unsigned char *)what, strlen(what) + 1);
	for (size_t i = 0; i < n; i++) {
		be_put64(size, part[i].p != NULL ? part[i].n : UINT64_MAX);
		(void)crypto_generichash_update(&st, size, sizeof size);
		(void)crypto_generichash_update(
		    &st, (const unsigned char *)part[i].p, part[i].n);
	}
	(void)crypto_generichash_final(&st, key, SIEVE_KEY_BYTES);
}

void
sieve_put_stamp(struct sieve_run *r, struct buf *out, struct sv salt)
{
	unsigned char key[SIEVE_KEY_BYTES], now[8];
	struct sv part[] = {sieve_first_field(r, SV("Message-ID")), salt,
	    r->message->from, r->message->to, sv_of(now, sizeof now)};
	struct buf host;

	be_put64(now, (uint64_t)r->now);
	sieve_key(key, "message-id", part, sizeof part / sizeof part[0]);
	buf_adds(out, "Date: ");
	mail_date_print(r->now,
	    r->host->zone != NULL ? r->host->zone(r->arg, r->now) : 0, out);
	buf_adds(out, "\r\nMessage-ID: <sieve.");
	for (size_t i = 0; i < SIEVE_KEY_BYTES; i++)
		buf_addf(out, "%02x", key[i]);
	buf_init(&host, 512);
	sieve_host_name(r, &host);
	buf_addf(out, "@%s>\r\n", host.p);
	buf_fini(&host);
}

/* The msg-ids of a field, one on each line. */
static void
put_ids(struct buf *out, struct sv value)
{
	while (value.n > 0) {
		size_t start = sv_chr(value, '<'), end;

		value = sv_skip(value, start);
		end = sv_chr(value, '>');
		if (end >= value.n)
			return;
		if (!sv_is_graph(sv_first(value, end)))
			return;
		if (end < 500)
			buf_addf(out, "\r\n %.*s", (int)end + 1, value.p);
		value = sv_skip(value, end + 1);
	}
}

void
sieve_put_thread(struct sieve_run *r, struct buf *out)
{
	struct buf id, refs;
	struct sv before;

	buf_init(&id, FIELD_MAX);
	buf_init(&refs, FIELD_MAX);
	put_ids(&id, sieve_first_field(r, SV("Message-ID")));
	if (id.n > 0) {
		before = sieve_first_field(r, SV("References"));
		if (before.n == 0)
			before = sieve_first_field(r, SV("In-Reply-To"));
		if (before.n <= REFERENCES_MAX)
			put_ids(&refs, before);
		buf_adds(out, "In-Reply-To:");
		buf_addsv(out, buf_sv(&id));
		buf_adds(out, "\r\nReferences:");
		buf_addsv(out, buf_sv(&refs));
		buf_addsv(out, buf_sv(&id));
		buf_adds(out, "\r\n");
	}
	buf_fini(&refs);
	buf_fini(&id);
}
