/* Whole mails with reports in them, packed in every way that is in use. */
#include <stdio.h>

#define ZLIB_CONST
#include <zlib.h>

#include "base/base64.h"
#include "report/read.h"
#include "test/unit/report/dump.h"
#include "test/unit/unit.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define MANY	 (64u << 20)

#define DMARC                                                               \
	"<feedback><report_metadata><org_name>a.test</org_name><report_id>" \
	"7</report_id></report_metadata><policy_published><domain>"         \
	"example.org</domain></policy_published></feedback>"
#define TLS                                                             \
	"{\"organization-name\":\"b.test\",\"policies\":[{\"policy\":{" \
	"\"policy-domain\":\"example.org\"}}]}"
#define DMARC_DUMP "a.test <> id=7 example.org 0-0 p= sp=\n"
#define TLS_DUMP                                 \
	"b.test <> id= example.org 0-0 p= sp=\n" \
	" example.org [] +0 -0 mx=, by= ()\n"
#define NAME "a.test!example.org!1404086400!1404172799"

/* ---- packing ---- */

static void
deflate_into(struct buf *out, struct sv s, int bits)
{
	z_stream z = {.next_in = (const Bytef *)s.p, .avail_in = (uInt)s.n};

	ck_assert(deflateInit2(
		      &z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	z.avail_out = (uInt)deflateBound(&z, s.n);
	z.next_out = (Bytef *)buf_reserve(out, z.avail_out);
	ck_assert(deflate(&z, Z_FINISH) == Z_STREAM_END);
	buf_added(out, z.total_out);
	(void)deflateEnd(&z);
}

static void
le(struct buf *b, unsigned bytes, size_t v)
{
	while (bytes-- > 0) {
		buf_addc(b, (char)(v & 255));
		v >>= 8;
	}
}

struct member {
	const char *name;
	struct sv bytes;
	unsigned flags; /* 1: encrypted */
	size_t claims;	/* this size instead */
};

static void
zip_into(struct buf *out, const struct member *m, unsigned n)
{
	struct buf directory;
	unsigned i;
	size_t at;

	buf_init(&directory, MANY);
	for (i = 0; i < n; i++) {
		struct buf data;
		size_t where = out->n;
		size_t size = m[i].claims > 0 ? m[i].claims : m[i].bytes.n;

		buf_init(&data, MANY);
		deflate_into(&data, m[i].bytes, -MAX_WBITS);
		buf_add(out, "PK\x03\x04", 4);
		le(out, 2, 20);
		le(out, 2, m[i].flags);
		le(out, 2, 8);
		le(out, 8, 0); /* time, crc */
		le(out, 4, data.n);
		le(out, 4, size);
		le(out, 2, strlen(m[i].name));
		le(out, 2, 0);
		buf_adds(out, m[i].name);
		buf_addsv(out, buf_sv(&data));
		buf_add(&directory, "PK\x01\x02", 4);
		le(&directory, 2, 20);
		le(&directory, 2, 20);
		le(&directory, 2, m[i].flags);
		le(&directory, 2, 8);
		le(&directory, 8, 0);
		le(&directory, 4, data.n);
		le(&directory, 4, size);
		le(&directory, 2, strlen(m[i].name));
		le(&directory, 12, 0);
		le(&directory, 4, where);
		buf_adds(&directory, m[i].name);
		buf_fini(&data);
	}
	at = out->n;
	buf_addsv(out, buf_sv(&directory));
	buf_add(out, "PK\x05\x06", 4);
	le(out, 4, 0);
	le(out, 2, n);
	le(out, 2, n);
	le(out, 4, directory.n);
	le(out, 4, at);
	le(out, 2, 0);
	buf_fini(&directory);
}

enum packing {
	PLAIN,
	GZIP,
	ZIP,
	ZIP_IN_ZIP,
	GZIP_IN_GZIP_IN_GZIP,
	CUT_GZIP,
	CUT_ZIP,
	ENCRYPTED,
	TWO_IN_ZIP,
	EMPTY_ZIP,
	MAC_ZIP,   /* with what some systems put beside a file */
	ZIP64,	   /* its numbers are in a record of their own */
	GZIP_TAIL, /* and more bytes behind it, which are none of it */
	PHOTOS
};

static void
gzip_again(struct buf *b)
{
	struct buf packed;

	buf_init(&packed, MANY);
	deflate_into(&packed, buf_sv(b), MAX_WBITS + 16);
	buf_reset(b);
	buf_addsv(b, buf_sv(&packed));
	buf_fini(&packed);
}

static void
zip_again(struct buf *b, const char *name, unsigned flags)
{
	struct buf packed;
	const struct member m = {name, buf_sv(b), flags, 0};

	buf_init(&packed, MANY);
	zip_into(&packed, &m, 1);
	buf_reset(b);
	buf_addsv(b, buf_sv(&packed));
	buf_fini(&packed);
}

static void
zip64_again(struct buf *b)
{
	struct buf end;
	struct sv zip;

	zip_again(b, NAME ".xml", 0);
	zip = buf_sv(b);
	buf_init(&end, 200);
	buf_add(&end, "PK\6\6", 4);
	le(&end, 8, 44);
	le(&end, 4, 45 << 16 | 45);
	le(&end, 8, 0);
	le(&end, 8, 1);
	le(&end, 8, 1);
	buf_add(&end, zip.p + zip.n - 10, 4); /* size, and where */
	le(&end, 4, 0);
	buf_add(&end, zip.p + zip.n - 6, 4);
	le(&end, 4, 0);
	buf_add(&end, "PK\6\7", 4);
	le(&end, 4, 0);
	le(&end, 8, zip.n - 22);
	le(&end, 4, 1);
	buf_add(&end, "PK\5\6\0\0\0\0\xff\xff\xff\xff", 12);
	buf_add(&end, "\xff\xff\xff\xff\xff\xff\xff\xff\0\0", 10);
	buf_truncate(b, zip.n - 22);
	buf_addsv(b, buf_sv(&end));
	buf_fini(&end);
}

static void
pack(enum packing how, struct buf *b)
{
	struct member two[] = {{"x/", SV(""), 0, 0},
	    {NAME ".xml", buf_sv(b), 0, 0}, {"b.json", SV(TLS), 0, 0}};
	const struct sv fork = SV("\0\5\26\7\0\2\0\0Mac OS X");
	struct member mac[] = {{NAME "/", SV(""), 0, 0},
	    {"d!e!f\\", SV(""), 0, 0}, {NAME "/" NAME ".xml", buf_sv(b), 0, 0},
	    {"__MACOSX/" NAME "/._" NAME ".xml", fork, 0, 0},
	    {NAME "/._" NAME ".xml", fork, 0, 0},
	    {NAME "/.DS_Store", SV("\0\0\0\1Bud1"), 0, 0},
	    {"a!b!c\\Thumbs.db", SV("x"), 0, 0}};
	struct buf packed;

	if (how == GZIP || how == GZIP_IN_GZIP_IN_GZIP || how == CUT_GZIP)
		gzip_again(b);
	if (how == GZIP_IN_GZIP_IN_GZIP) {
		gzip_again(b);
		gzip_again(b);
	}
	if (how == ZIP || how == ZIP_IN_ZIP || how == CUT_ZIP ||
	    how == ENCRYPTED)
		zip_again(b, NAME ".xml", how == ENCRYPTED);
	if (how == PHOTOS)
		zip_again(b, "1.jpeg", 1);
	if (how == ZIP_IN_ZIP)
		zip_again(b, NAME ".zip", 0);
	if (how == CUT_GZIP)
		buf_truncate(b, 12);
	if (how == CUT_ZIP)
		buf_truncate(b, b->n - 9);
	if (how == GZIP_TAIL) {
		gzip_again(b);
		buf_add(b, "\r\n\0--x", 6);
	}
	if (how == ZIP64)
		zip64_again(b);
	if (how != TWO_IN_ZIP && how != EMPTY_ZIP && how != MAC_ZIP)
		return;
	buf_init(&packed, MANY);
	if (how == MAC_ZIP)
		zip_into(&packed, mac, COUNT(mac));
	else
		zip_into(&packed, two, how == TWO_IN_ZIP ? 3 : 0);
	buf_reset(b);
	buf_addsv(b, buf_sv(&packed));
	buf_fini(&packed);
}

/* ---- mails ---- */

static void
collect(void *arg, const struct report_record *r)
{
	dump(r, arg);
}

static void
lines(struct buf *out, struct sv s)
{
	for (; s.n > 0; s = sv_skip(s, 76)) {
		buf_addsv(out, sv_first(s, 76));
		buf_adds(out, "\r\n");
	}
}

static void
encode(struct buf *out, struct sv s)
{
	struct buf b;

	buf_init(&b, MANY);
	base64_encode(s, &b);
	lines(out, buf_sv(&b));
	buf_fini(&b);
}

#define ATTACH                                  \
	"Content-Transfer-Encoding: base64\r\n" \
	"Content-Disposition: attachment; filename="
#define SUBJECT "Subject: Report Domain: example.org Submitter: a.test\r\n"

static const struct {
	const char *name;
	const char *header; /* of the mail, with what of the part is in it */
	enum packing how;
	const char *document;
	const char *want; /* "": nothing to speak of */
} mails[] = {
    {"google: zip, the mail itself",
	"Content-Type: application/zip; name=\"" NAME ".zip\"\r\n" ATTACH
	"\"" NAME ".zip\"\r\n",
	ZIP, DMARC, DMARC_DUMP},
    {"gzip as RFC 9990 has it",
	"Content-Type: application/gzip\r\n" ATTACH "\"" NAME ".xml.gz\"\r\n",
	GZIP, DMARC, DMARC_DUMP},
    {"amazon: octet-stream",
	"Content-Type: application/octet-stream\r\n" ATTACH NAME ".xml.gz\r\n",
	GZIP, DMARC, DMARC_DUMP},
    {"x-gzip, without a name",
	"Content-Type: application/x-gzip\r\n"
	"Content-Transfer-Encoding: base64\r\n",
	GZIP, DMARC, DMARC_DUMP},
    {"mimecast: says zip and is gzip",
	"Content-Type: application/zip\r\n" ATTACH NAME ".zip\r\n", GZIP, DMARC,
	DMARC_DUMP},
    {"says gzip and is zip",
	"Content-Type: application/gzip\r\n" ATTACH NAME ".xml.gz\r\n", ZIP,
	DMARC, DMARC_DUMP},
    {"plain XML", "Content-Type: text/xml\r\n" ATTACH NAME ".xml\r\n", PLAIN,
	DMARC, DMARC_DUMP},
    {"trustwave: ContentType",
	"ContentType: application/zip\r\n" ATTACH NAME ".zip\r\n", ZIP, DMARC,
	DMARC_DUMP},
    {"base64 is not mentioned", "Content-Type: application/gzip\r\n", GZIP,
	DMARC, DMARC_DUMP},
    {"name as RFC 2231 has it",
	"Content-Type: application/octet-stream;\r\n"
	" name*0=\"a.test!example.\"; name*1=\"org!1!2.zip\"\r\n"
	"Content-Transfer-Encoding: base64\r\n",
	ZIP, DMARC, DMARC_DUMP},
    {"tls+gzip",
	"Content-Type: application/tlsrpt+gzip\r\n" ATTACH "\"b.json.gz\"\r\n",
	GZIP, TLS, TLS_DUMP},
    {"tls+json",
	"Content-Type: application/tlsrpt+json\r\n" ATTACH "\"b.json\"\r\n",
	PLAIN, TLS, TLS_DUMP},
    {"several in one zip",
	"Content-Type: application/zip\r\n" ATTACH "x.zip\r\n", TWO_IN_ZIP,
	DMARC, DMARC_DUMP TLS_DUMP},
    {"zip in zip", "Content-Type: application/zip\r\n" ATTACH "x.zip\r\n",
	ZIP_IN_ZIP, DMARC, DMARC_DUMP},
    {"again and again",
	"Content-Type: application/gzip\r\n" ATTACH NAME ".xml.gz\r\n",
	GZIP_IN_GZIP_IN_GZIP, DMARC,
	"refused: it is packed again and again\n <> id=  0-0 p= sp=\n"},
    {"gzip is cut off",
	"Content-Type: application/gzip\r\n" ATTACH NAME ".xml.gz\r\n" SUBJECT,
	CUT_GZIP, DMARC,
	"refused: what is in it is not a report\n <> id=  0-0 p= sp=\n"},
    {"zip is cut off",
	"Content-Type: application/zip\r\n" ATTACH NAME ".zip\r\n", CUT_ZIP,
	DMARC, "refused: it is packed, and damaged\n <> id=  0-0 p= sp=\n"},
    {"encrypted", "Content-Type: application/zip\r\n" ATTACH NAME ".zip\r\n",
	ENCRYPTED, DMARC, "refused: it is encrypted\n <> id=  0-0 p= sp=\n"},
    {"a zip from a Mac, or from Windows",
	SUBJECT "Content-Type: application/zip\r\n" ATTACH NAME ".zip\r\n",
	MAC_ZIP, DMARC, DMARC_DUMP},
    {"the large numbers of zip",
	"Content-Type: application/zip\r\n" ATTACH NAME ".zip\r\n", ZIP64,
	DMARC, DMARC_DUMP},
    {"bytes behind a gzip",
	"Content-Type: application/gzip\r\n" ATTACH NAME ".xml.gz\r\n",
	GZIP_TAIL, DMARC, DMARC_DUMP},
    {"plain XML, of which base64 is not mentioned",
	"Content-Type: application/xml\r\nX: base64 it is\r\n", PLAIN,
	"<?xml version=\"1.0\"?>" DMARC, DMARC_DUMP},
    {"plain XML, called a picture",
	"Content-Type: image/png\r\n" ATTACH "x.png\r\n", PLAIN, DMARC,
	DMARC_DUMP},
    {"an empty zip", "Content-Type: application/zip\r\n" ATTACH NAME ".zip\r\n",
	EMPTY_ZIP, DMARC,
	"refused: there is nothing in it\n <> id=  0-0 p= sp=\n"},
    {"an empty file",
	SUBJECT "Content-Type: application/gzip\r\n" ATTACH NAME ".xml.gz\r\n",
	GZIP, "",
	"refused: what is in it is not a report\n <> id=  0-0 p= sp=\n"},
    {"\"unused\"",
	SUBJECT "Content-Type: application/gzip\r\n" ATTACH NAME ".xml.gz\r\n",
	GZIP, "unused",
	"refused: what is in it is not a report\n <> id=  0-0 p= sp=\n"},
    {"entities", "Content-Type: application/gzip\r\n" ATTACH NAME ".xml.gz\r\n",
	GZIP, "<!DOCTYPE f [<!ENTITY a \"b\">]><feedback/>",
	"refused: it has a document type, which could define entities\n"
	" <> id=  0-0 p= sp=\n"},
    {"a subject, and nothing in it", SUBJECT, PLAIN, "hello",
	"refused: there is no report in it\n <> id=  0-0 p= sp=\n"},
    /* What else comes to postmaster. */
    {"a letter", "Subject: hello\r\n", PLAIN, "hello", ""},
    {"html", "Content-Type: text/html\r\n", PLAIN,
	"<!DOCTYPE html><html><body>{}</body></html>", ""},
    {"a picture", "Content-Type: image/svg+xml\r\n", PLAIN,
	"<!DOCTYPE svg PUBLIC \"x\" \"y\"><svg/>", ""},
    {"somebody's files",
	"Content-Type: application/zip\r\n" ATTACH "photos.zip\r\n", PHOTOS,
	"x", ""},
    {"json", "Content-Type: application/json\r\n", PLAIN, "{\"a\":1}", ""},
};

static void
run(const char *header, struct sv bytes, bool text, struct buf *out)
{
	const struct report_limits limits = REPORT_LIMITS_DEFAULT;
	const struct report_mail m = {.from = SV("A.test"), .received = 5};
	struct buf mail;
	unsigned n;

	buf_init(&mail, MANY);
	buf_adds(&mail, "From: x@a.test\r\n");
	buf_adds(&mail, header);
	buf_adds(&mail, "\r\n");
	if (text)
		buf_addsv(&mail, bytes);
	else
		encode(&mail, bytes);
	n = report_read(buf_sv(&mail), &m, &limits, collect, out);
	ck_assert((n == 0) == (out->n == 0));
	buf_fini(&mail);
}

START_TEST(read__mails)
{
	const char *header = mails[_i].header;
	struct buf bytes, out;

	buf_init(&bytes, MANY);
	buf_init(&out, MANY);
	buf_adds(&bytes, mails[_i].document);
	pack(mails[_i].how, &bytes);
	run(header, buf_sv(&bytes),
	    mails[_i].how == PLAIN && strstr(header, "base64") == NULL, &out);
	/* "several": the names of those in the zip say which is which. */
	ck_assert_msg(strcmp(out.p, mails[_i].want) == 0, "%s:\n%s\nwant:\n%s",
	    mails[_i].name, out.p, mails[_i].want);
	buf_fini(&out);
	buf_fini(&bytes);
}
END_TEST

/* A part with a report beside and inside others. */
START_TEST(read__multipart)
{
	static const char *const type[] = {
	    "mixed", "alternative", "related", "report; report-type=tlsrpt"};
	struct buf body, out;
	char header[100];

	buf_init(&body, MANY);
	buf_init(&out, MANY);
	(void)snprintf(header, sizeof header,
	    "Content-Type: multipart/%s; boundary=b\r\n", type[_i]);
	buf_adds(&body,
	    "--b\r\n\r\nThis is a report.\r\n--b\r\n"
	    "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n" DMARC
	    "\r\n--b\r\nContent-Type: text/html\r\n\r\n<html></html>\r\n"
	    "--b\r\nContent-Type: application/tlsrpt+json\r\n\r\n" TLS
	    "\r\n--b--\r\n");
	run(header, buf_sv(&body), true, &out);
	ck_assert_str_eq(out.p, DMARC_DUMP TLS_DUMP);
	buf_fini(&out);
	buf_fini(&body);
}
END_TEST

/* A gigabyte out of a megabyte is not unpacked to its end, whatever the zip
 * says of its size. */
START_TEST(read__bombs)
{
	static const char header[] =
	    "Content-Type: application/zip\r\n" ATTACH NAME ".zip\r\n";
	struct buf zeros, out;
	struct member m[40];
	struct buf zip;
	unsigned i;

	buf_init(&zeros, MANY);
	buf_init(&zip, MANY);
	buf_init(&out, MANY);
	memset(buf_reserve(&zeros, 17u << 20), ' ', 17u << 20);
	buf_added(&zeros, 17u << 20);
	for (i = 0; i < 40; i++)
		m[i] = (struct member){NAME ".xml", buf_sv(&zeros), 0, 100};
	zip_into(&zip, m, 1);
	run(header, buf_sv(&zip), false, &out);
	ck_assert_str_eq(out.p,
	    "refused: it is larger when unpacked than any report\n"
	    " <> id=  0-0 p= sp=\n");
	/* Many that are each small enough. */
	buf_reset(&zip);
	buf_reset(&out);
	buf_truncate(&zeros, 15u << 20);
	buf_adds(&zeros, DMARC);
	for (i = 0; i < 40; i++)
		m[i].bytes = buf_sv(&zeros);
	zip_into(&zip, m, 8);
	run(header, buf_sv(&zip), false, &out);
	/* And one word for all of them. */
	ck_assert_str_eq(out.p, DMARC_DUMP DMARC_DUMP DMARC_DUMP DMARC_DUMP
	    "refused: it is larger when unpacked than any report\n"
	    " <> id=  0-0 p= sp=\n");
	/* And many files. */
	buf_reset(&zip);
	buf_reset(&out);
	for (i = 0; i < 40; i++)
		m[i].bytes = SV(DMARC);
	zip_into(&zip, m, 40);
	run(header, buf_sv(&zip), false, &out);
	ck_assert(sv_find(buf_sv(&out), SV("there are too many files in it")) <
		  out.n);
	buf_fini(&out);
	buf_fini(&zip);
	buf_fini(&zeros);
}
END_TEST

/* One zip whose many names all mean the same bytes. */
START_TEST(read__overlapping_files)
{
	static const char header[] =
	    "Content-Type: application/zip\r\n" ATTACH NAME ".zip\r\n";
	struct buf zeros, zip, entry, out;
	struct member m;
	unsigned i, n = 30;
	size_t at;

	buf_init(&zeros, MANY);
	buf_init(&zip, MANY);
	buf_init(&entry, MANY);
	buf_init(&out, MANY);
	memset(buf_reserve(&zeros, 15u << 20), ' ', 15u << 20);
	buf_added(&zeros, 15u << 20);
	buf_adds(&zeros, DMARC);
	m = (struct member){NAME ".xml", buf_sv(&zeros), 0, 0};
	zip_into(&zip, &m, 1);
	at = sv_find(buf_sv(&zip), SV("PK\x01\x02"));
	buf_addsv(&entry, sv_of(zip.p + at, 46 + strlen(NAME ".xml")));
	buf_truncate(&zip, at);
	for (i = 0; i < n; i++)
		buf_addsv(&zip, buf_sv(&entry));
	buf_add(&zip, "PK\x05\x06\0\0\0\0", 8);
	le(&zip, 2, n);
	le(&zip, 2, n);
	le(&zip, 4, n * entry.n);
	le(&zip, 4, at);
	le(&zip, 2, 0);
	run(header, buf_sv(&zip), false, &out);
	ck_assert(sv_find(buf_sv(&out),
		      SV("larger when unpacked than any report")) < out.n);
	buf_fini(&out);
	buf_fini(&entry);
	buf_fini(&zip);
	buf_fini(&zeros);
}
END_TEST

START_TEST(read__an_address_for_reports_alone)
{
	const struct report_limits limits = REPORT_LIMITS_DEFAULT;
	const struct report_mail m = {
	    .from = SV("a.test"), .verified = true, .expected = true};
	struct buf out;

	buf_init(&out, MANY);
	ck_assert_uint_eq(report_read(SV("Subject: hi\r\n\r\nhi\r\n"), &m,
			      &limits, collect, &out),
	    1);
	ck_assert_str_eq(
	    out.p, "refused: there is no report in it\n <> id=  0-0 p= sp=\n");
	buf_fini(&out);
}
END_TEST

UNIT_TESTS(report_read)
{
	TCase *t = tcase_create("report_read");

	tcase_add_loop_test(t, read__mails, 0, COUNT(mails));
	tcase_add_loop_test(t, read__multipart, 0, 4);
	tcase_add_test(t, read__bombs);
	tcase_add_test(t, read__overlapping_files);
	tcase_add_test(t, read__an_address_for_reports_alone);
	return t;
}
