#include "imap/transfer/look.h"

#include "base/ascii.h"
#include "imap/transfer/fields.h"

#define LINES_MAX 200
#define MARK	  SV("\xef\xbb\xbf")

/* Signs at the beginning of files that are none of ours. */
static const struct {
	struct sv sign;
	const char *why;
} signs[] = {
    {{"BZh", 3}, "it is compressed with bzip2; decompress it first"},
    {{"\xfd"
      "7zXZ",
	 5},
	"it is compressed with xz; decompress it first"},
    {{"\x28\xb5\x2f\xfd", 4},
	"it is compressed with zstd; decompress it first"},
    {{"\x04\x22\x4d\x18", 4}, "it is compressed with lz4; decompress it first"},
    {{"Dovecot-LZ4", 11},
	"Dovecot has compressed it with lz4; decompress it first"},
    {{"\x5d\x00\x00", 3}, "it is compressed with lzma; decompress it first"},
    {{"\x1f\x9d", 2}, "it is compressed; decompress it first"},
    {{"7z\xbc\xaf\x27\x1c", 6}, "it is a 7z archive"},
    {{"Rar!", 4}, "it is a rar archive"},
    {{"PK\x03\x04", 4}, "it is a zip archive"},
    {{"CRYPTED\x03\x07", 9}, "Dovecot has encrypted it; decrypt it first"},
    {{"CRYPTED", 7}, "it is encrypted; decrypt it first"},
    {{"Salted__", 8}, "it is encrypted; decrypt it first"},
    {{"age-encryption.org", 18}, "it is encrypted; decrypt it first"},
    {{"-----BEGIN PGP MESSAGE", 22}, "it is encrypted; decrypt it first"},
    {{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8},
	"it is a .msg of Outlook; save it as .eml there"},
    {{"!BDN", 4}, "it is a .pst of Outlook; export from there over IMAP"},
    {{"\x78\x9f\x3e\x22", 4}, "it is a winmail.dat, not a message"},
    {{"SQLite format 3", 15}, "it is a database, not a message"},
    {{"%PDF", 4}, "it is a PDF, not a message"},
    {{"{\\rtf", 5}, "it is RTF, not a message"},
    {{"<?xml", 5}, "it is XML, not a message"},
    {{"<!DOCTYPE", 9}, "it is HTML, not a message"},
    {{"<html", 5}, "it is HTML, not a message"},
    {{"bplist00", 8}, "it is a property list, not a message"},
};

static unsigned
byte_at(struct sv s, size_t i)
{
	return i < s.n ? (unsigned char)s.p[i] : 0;
}

bool
look_gzip(struct sv s)
{
	return sv_starts(s, SV("\x1f\x8b"));
}

/* CMF and FLG [RFC 1950 2.2], which text could be, too. */
static bool
is_zlib(struct sv s)
{
	unsigned a = byte_at(s, 0), b = byte_at(s, 1);

	return s.n > 2 && a == 0x78 && (a << 8 | b) % 31 == 0 &&
	       (b & 0x20) == 0 && !sv_starts(s, SV("\x78\x9f\x3e\x22")) &&
	       !fields_is_field(sv_first(s, sv_chr(s, '\n')));
}

bool
look_packed(struct sv s)
{
	return look_gzip(s) || is_zlib(s);
}

bool
look_zip(struct sv s)
{
	return sv_starts(s, SV("PK\x03\x04")) || sv_starts(s, SV("PK\x05\x06"));
}

struct sv
look_skip_mark(struct sv s)
{
	return sv_starts(s, MARK) ? sv_skip(s, MARK.n) : s;
}

static bool
is_utf16(struct sv s)
{
	return sv_starts(s, SV("\xff\xfe")) || sv_starts(s, SV("\xfe\xff")) ||
	       (s.n >= 4 && s.p[0] != '\0' && s.p[1] == '\0' &&
		   s.p[2] != '\0' && s.p[3] == '\0') ||
	       (s.n >= 4 && s.p[0] == '\0' && s.p[1] != '\0' &&
		   s.p[2] == '\0' && s.p[3] != '\0');
}

const char *
look_foreign(struct sv s)
{
	size_t i;

	if (s.n == 0)
		return "it is empty";
	for (i = 0; i < sizeof signs / sizeof signs[0]; i++)
		if (sv_istarts(s, signs[i].sign))
			return signs[i].why;
	return is_utf16(s) ? "it is UTF-16, not a message: save it as plain "
			     "text or .eml"
			   : NULL;
}

static struct sv
next_line(struct sv *s)
{
	size_t n = 0;
	struct sv line;

	while (n < s->n && s->p[n] != '\n' && s->p[n] != '\r')
		n++;
	line = sv_first(*s, n);
	if (n + 1 < s->n && s->p[n] == '\r' && s->p[n + 1] == '\n')
		n++;
	*s = sv_skip(*s, n + 1);
	return line;
}

static bool
is_binary(struct sv line)
{
	size_t i;

	for (i = 0; i < line.n; i++)
		if (ascii_is_ctl(line.p[i]) && line.p[i] != '\t' &&
		    line.p[i] != '\f' && line.p[i] != '\033')
			return true;
	return false;
}

const char *
look_why_not(struct sv s, bool lenient)
{
	const char *why = look_foreign(s);
	bool began = false;
	unsigned n;

	if (why != NULL)
		return why;
	s = look_skip_mark(s);
	for (n = 0; n < LINES_MAX && s.n > 0; n++) {
		struct sv line = next_line(&s);

		if (line.n == 0 && !began)
			continue;
		if (line.n == 0 || is_binary(line))
			break;
		if (fields_is_known(line) ||
		    (lenient && !began && fields_is_field(line)))
			return NULL;
		/* "From " of mbox in front of it is not its first line. */
		began = began || !(sv_starts(line, SV("From ")) ||
				     sv_starts(line, SV(">From ")));
	}
	return "it does not look like a message: it has no header";
}

bool
look_message_file(struct sv name, struct sv s)
{
	struct sv end = sv_skip(name, sv_rchr(name, '.'));

	if (sv_ieq(end, SV(".emlx")))
		return true;
	return !sv_starts(s, SV("From ")) &&
	       look_why_not(s, sv_ieq(end, SV(".eml"))) == NULL;
}

bool
look_cr_only(struct sv s)
{
	return sv_chr(s, '\r') + 1 < s.n && sv_chr(s, '\n') == s.n;
}
