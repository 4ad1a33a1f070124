/* Dangerous attachments are found, harmless ones are not. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zlib.h>

#include "attach/attach.h"
#include "attach/clamd.h"
#include "base/alloc.h"
#include "base/clk.h"
#include "test/unit/unit.h"

#define LIT(s)                   \
	{                        \
		s, sizeof(s) - 1 \
	}

/* ---- single files ---- */

#define DOS                                                         \
	"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0\xb8\0\0\0\0\0\0\0@\0" \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"  \
	"\0\0\0\0\0\0"
#define PE  DOS "\x40\0\0\0PE\0\0L\1\3\0"
#define OLE "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#define LNK "L\0\0\0\1\x14\2\0\0\0\0\0\xc0\0\0\0\0\0\0F"

static const struct {
	struct sv head;
	const char *name;
	enum attach_what want;
} files[] = {
    {LIT(PE), "holiday.jpg", ATTACH_PROGRAM},
    {LIT("\x7f"
	 "ELF\2\1\1"),
	"", ATTACH_PROGRAM},
    {LIT("\xcf\xfa\xed\xfe\7\0\0\1"), "x", ATTACH_PROGRAM},
    {LIT("\xca\xfe\xba\xbe\0\0\0\x34"), "A.class", ATTACH_PROGRAM},
    {LIT("MZ is the code of Mozambique, as everybody knows who has been there"),
	"trip.txt", ATTACH_NOTHING},
    {LIT("MZ"), "note", ATTACH_NOTHING},
    {LIT("nothing like that"), "invoice.pdf.exe", ATTACH_PROGRAM},
    {LIT("x"), "invoice.EXE . .", ATTACH_PROGRAM},
    {LIT("WScript.Echo(1)"), "a.js", ATTACH_SCRIPT},
    {LIT("{}"), "a.json", ATTACH_NOTHING},
    {LIT("x"), "js", ATTACH_NOTHING},
    {LIT("x"), "com", ATTACH_NOTHING},
    {LIT("www.example.com"), "www.example.com", ATTACH_PROGRAM},
    {LIT("#!/bin/sh\nrm -r /\n"), "readme", ATTACH_SCRIPT},
    {LIT("\xef\xbb\xbf#!/bin/sh\n"), "readme", ATTACH_SCRIPT},
    {LIT("#! /usr/bin/env python3\n"), "", ATTACH_SCRIPT},
    {LIT("#!great news"), "", ATTACH_NOTHING},
    {LIT(LNK), "photo", ATTACH_SCRIPT},
    {LIT(OLE "....._\0V\0B\0A\0_\0P\0R\0O\0J\0E\0C\0T\0"), "a.doc",
	ATTACH_MACROS},
    {LIT(OLE "....."), "a.doc", ATTACH_NOTHING},
    {LIT("PK\3\4"), "a.docm", ATTACH_MACROS},
    {LIT("%PDF-1.4 MZ \x7f"
	 "ELF"),
	"a.pdf", ATTACH_NOTHING},
    {LIT(""), "", ATTACH_NOTHING},
};

START_TEST(attach__tells_each_file)
{
	ck_assert_int_eq(attach_type(files[_i].head, sv_str(files[_i].name)),
	    files[_i].want);
}
END_TEST

/* ---- archives, made here ---- */

static void
put_le(struct buf *b, uint64_t v, unsigned bytes)
{
	for (; bytes > 0; bytes--, v >>= 8)
		buf_addc(b, (char)(v & 0xff));
}

struct zip {
	struct buf file, directory;
	unsigned n;
};

static void
deflate_into(struct sv data, int bits, struct buf *out)
{
	z_stream z = {
	    .next_in = (Bytef *)(uintptr_t)data.p, .avail_in = (uInt)data.n};
	uLong room;
	char *p;

	ck_assert_int_eq(
	    deflateInit2(&z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	room = deflateBound(&z, data.n);
	p = buf_reserve(out, room);
	z.next_out = (Bytef *)p;
	z.avail_out = (uInt)room;
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_added(out, room - z.avail_out);
	(void)deflateEnd(&z);
}

static void
zip_begin(struct zip *z)
{
	*z = (struct zip){.n = 0};
	buf_init(&z->file, 64 << 20);
	buf_init(&z->directory, 1 << 20);
}

static void
zip_add(struct zip *z, const char *name, struct sv data, bool encrypted)
{
	unsigned flags = encrypted ? 1 : 0, method = 8;
	struct buf packed, both;

	buf_init(&packed, 64 << 20);
	buf_init(&both, 4096);
	deflate_into(data, -15, &packed);
	put_le(&both, 20, 2); /* the version that is needed */
	put_le(&both, flags, 2);
	put_le(&both, method, 2);
	put_le(&both, 0, 4);
	put_le(&both, crc32(0, (const Bytef *)data.p, (uInt)data.n), 4);
	put_le(&both, packed.n, 4);
	put_le(&both, data.n, 4);
	put_le(&both, strlen(name), 2);
	put_le(&both, 0, 2);
	buf_adds(&z->directory, "PK\1\2");
	put_le(&z->directory, 20, 2);
	buf_addsv(&z->directory, buf_sv(&both));
	put_le(&z->directory, 0, 2 + 2 + 2 + 4);
	put_le(&z->directory, z->file.n, 4);
	buf_adds(&z->directory, name);
	buf_adds(&z->file, "PK\3\4");
	buf_addsv(&z->file, buf_sv(&both));
	buf_adds(&z->file, name);
	buf_addsv(&z->file, buf_sv(&packed));
	z->n++;
	buf_fini(&both);
	buf_fini(&packed);
}

static void
zip_end(struct zip *z)
{
	size_t at = z->file.n;

	buf_addsv(&z->file, buf_sv(&z->directory));
	buf_adds(&z->file, "PK\5\6");
	put_le(&z->file, 0, 4);
	put_le(&z->file, z->n, 2);
	put_le(&z->file, z->n, 2);
	put_le(&z->file, z->directory.n, 4);
	put_le(&z->file, at, 4);
	put_le(&z->file, 0, 2);
	buf_fini(&z->directory);
}

/* ---- messages ---- */

static void
base64(struct sv s, struct buf *out)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijk"
				      "lmnopqrstuvwxyz0123456789+/";
	size_t i, k;

	for (i = 0; i < s.n; i += 3) {
		uint32_t v = 0;

		for (k = 0; k < 3; k++)
			v = v << 8 |
			    (i + k < s.n ? (unsigned char)s.p[i + k] : 0);
		for (k = 0; k < 4; k++)
			buf_addc(out, i + k > s.n
					  ? '='
					  : letters[v >> (18 - 6 * k) & 63]);
		if (i % 54 == 51)
			buf_adds(out, "\r\n");
	}
}

static void
look(struct sv file, const char *disposition, struct attach_findings *out)
{
	const struct mime_limits lim = MIME_LIMITS_DEFAULT;
	struct mime_msg m;
	struct buf msg;

	buf_init(&msg, 96 << 20);
	buf_addf(&msg,
	    "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
	    "--b\r\n\r\n#!/bin/sh is how it begins\r\n"
	    "--b\r\nContent-Type: application/octet-stream\r\n"
	    "Content-Disposition: attachment; %s\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n",
	    disposition);
	base64(file, &msg);
	buf_adds(&msg, "\r\n--b--\r\n");
	mime_parse(buf_sv(&msg), &lim, &m);
	attach_look(buf_sv(&msg), &m, out);
	mime_msg_fini(&m);
	buf_fini(&msg);
}

START_TEST(attach__looks_into_archives)
{
	struct attach_findings got;
	struct zip inner, outer;

	zip_begin(&inner);
	zip_add(&inner, "readme.txt", SV("hello"), false);
	zip_add(&inner, "doc/holiday.jpg", sv_of(PE, sizeof PE - 1), false);
	zip_end(&inner);
	look(buf_sv(&inner.file), "filename=a.zip", &got);
	ck_assert_int_eq(got.what, ATTACH_PROGRAM);
	ck_assert_str_eq(got.name, "a.zip/doc/holiday.jpg");
	ck_assert(!got.unseen);
	zip_begin(&outer);
	zip_add(&outer, "a.zip", buf_sv(&inner.file), false);
	zip_end(&outer);
	look(buf_sv(&outer.file), "filename*=utf-8''b%20%C3%BC.zip", &got);
	ck_assert_str_eq(got.name, "b \xc3\xbc.zip/a.zip/doc/holiday.jpg");
	buf_fini(&outer.file);
	buf_fini(&inner.file);
}
END_TEST

START_TEST(attach__sees_passwords_and_macros)
{
	struct attach_findings got;
	struct zip z;

	zip_begin(&z);
	zip_add(&z, "letter.txt", SV("hello"), true);
	zip_end(&z);
	look(buf_sv(&z.file), "filename=a.zip", &got);
	ck_assert_int_eq(got.what, ATTACH_ENCRYPTED);
	buf_fini(&z.file);
	/* What it is called can be read all the same. */
	zip_begin(&z);
	zip_add(&z, "letter.js", SV("hello"), true);
	zip_end(&z);
	look(buf_sv(&z.file), "filename=a.zip", &got);
	ck_assert_int_eq(got.what, ATTACH_SCRIPT);
	ck_assert(got.has[ATTACH_ENCRYPTED]);
	buf_fini(&z.file);
	zip_begin(&z);
	zip_add(&z, "word/document.xml", SV("<w/>"), false);
	zip_add(&z, "word/vbaProject.bin", SV(OLE), false);
	zip_end(&z);
	look(buf_sv(&z.file), "filename=letter.docx", &got);
	ck_assert_int_eq(got.what, ATTACH_MACROS);
	ck_assert_str_eq(got.name, "letter.docx/word/vbaProject.bin");
	buf_fini(&z.file);
}
END_TEST

START_TEST(attach__looks_into_gzip)
{
	struct attach_findings got;
	struct buf b;

	buf_init(&b, 4096);
	deflate_into(sv_of(PE, sizeof PE - 1), 15 + 16, &b);
	look(buf_sv(&b), "filename=\"tool.bin.gz\"", &got);
	ck_assert_int_eq(got.what, ATTACH_PROGRAM);
	ck_assert_str_eq(got.name, "tool.bin.gz/tool.bin");
	look(SV("Rar!\x1a\x07\1\0"), "filename=a.rar", &got);
	ck_assert(got.unseen && got.what == ATTACH_NOTHING);
	buf_fini(&b);
}
END_TEST

/* Names are strangers' bytes. */
START_TEST(attach__has_clean_names)
{
	struct attach_findings got;

	look(SV(PE), "filename*=utf-8''a%0D%0AX%3A%20y%00%FF", &got);
	ck_assert_int_eq(got.what, ATTACH_PROGRAM);
	ck_assert_ptr_null(strpbrk(got.name, "\r\n\xff"));
}
END_TEST

/* A bomb, many files, deep ones: bounded, and said. */
START_TEST(attach__is_bounded)
{
	struct attach_findings got;
	struct buf zeros, bomb;
	struct zip z;
	unsigned i;
	char name[32];

	buf_init(&zeros, 32 << 20);
	buf_init(&bomb, 64 << 20);
	for (i = 0; i < 10 << 20; i += 16)
		buf_add(&zeros, "PK\3\4............", 16);
	deflate_into(buf_sv(&zeros), 15 + 16, &bomb);
	zip_begin(&z);
	for (i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof name, "%u.gz", i);
		zip_add(&z, name, buf_sv(&bomb), false);
	}
	zip_end(&z);
	look(buf_sv(&z.file), "filename=a.zip", &got);
	ck_assert(got.unseen);
	ck_assert_int_eq(got.what, ATTACH_NOTHING);
	buf_fini(&z.file);
	buf_fini(&bomb);
	buf_fini(&zeros);
}
END_TEST

/* Entries that are all of the same bytes, which say nothing for long: what is
 * unpacked is bounded before it comes out. */
START_TEST(attach__overlapping_entries)
{
	struct attach_findings got;
	struct buf entry, all;
	struct zip z;
	unsigned i;

	zip_begin(&z);
	zip_add(&z, "a", SV("hello"), false);
	buf_init(&entry, 4096);
	buf_addsv(&entry, buf_sv(&z.directory));
	buf_reset(&z.directory);
	/* Its packed bytes: blocks of nothing, 4 MB of them. */
	buf_truncate(&z.file, 30 + 1);
	for (i = 0; i < 4 << 20; i += 5)
		buf_add(&z.file, "\0\0\0\xff\xff", 5);
	buf_init(&all, 4);
	put_le(&all, z.file.n - 31, 4);
	memcpy(entry.p + 20, all.p, 4);
	for (z.n = 0; z.n < 100; z.n++)
		buf_addsv(&z.directory, buf_sv(&entry));
	zip_end(&z);
	look(buf_sv(&z.file), "filename=a.zip", &got);
	ck_assert(got.unseen);
	ck_assert_int_eq(got.what, ATTACH_NOTHING);
	buf_fini(&z.file);
	buf_fini(&entry);
	buf_fini(&all);
}
END_TEST

START_TEST(attach__leaves_plain_mail_alone)
{
	const struct mime_limits lim = MIME_LIMITS_DEFAULT;
	struct sv msg = SV("Subject: x\r\n\r\n#!/bin/sh\r\n");
	struct attach_findings got;
	struct mime_msg m;

	mime_parse(msg, &lim, &m);
	attach_look(msg, &m, &got);
	mime_msg_fini(&m);
	ck_assert(got.what == ATTACH_NOTHING && !got.unseen);
	look(SV("%PDF-1.4"), "filename=a.pdf", &got);
	ck_assert(got.what == ATTACH_NOTHING && !got.unseen);
}
END_TEST

/* ---- ClamAV ---- */

static const struct {
	const char *reply;
	enum clamd_says says;
	const char *name;
} replies[] = {
    {"stream: OK", CLAMD_CLEAN, ""},
    {"stream: OK\n", CLAMD_CLEAN, ""},
    {"stream: Win.Test.EICAR_HDB-1 FOUND", CLAMD_FOUND, "Win.Test.EICAR_HDB-1"},
    {"stream: a\r\nb FOUND", CLAMD_FOUND, "a??b"},
    {"stream: Heuristics.Encrypted.Zip FOUND", CLAMD_ENCRYPTED,
	"Heuristics.Encrypted.Zip"},
    {"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND", CLAMD_TOO_LARGE,
	"Heuristics.Limits.Exceeded.MaxFileSize"},
    {"INSTREAM size limit exceeded. ERROR", CLAMD_TOO_LARGE, ""},
    {"stream: Can't allocate memory ERROR", CLAMD_FAILED,
	"Can't allocate memory ERROR"},
    {"UNKNOWN COMMAND", CLAMD_FAILED, "UNKNOWN COMMAND"},
    {"COMMAND READ TIMED OUT", CLAMD_FAILED, "COMMAND READ TIMED OUT"},
    {"", CLAMD_FAILED, "no answer"},
    {"stream:  FOUND", CLAMD_FOUND, ""},
};

START_TEST(clamd__is_understood)
{
	struct clamd_answer a;

	clamd_read(sv_str(replies[_i].reply), &a);
	ck_assert_int_eq(a.says, replies[_i].says);
	ck_assert_str_eq(a.name, replies[_i].name);
}
END_TEST

/* ---- daemons that misbehave: nobody waits longer than agreed ---- */

enum manner {
	SILENT,	   /* it takes all, and says nothing */
	DEAF,	   /* it takes nothing */
	DRIP,	   /* a byte now and then, and no end */
	SLOW,	   /* a byte now and then, and then the end */
	FLOOD,	   /* no end of an answer */
	HANGS_UP,  /* in the middle */
	TOO_LARGE, /* says so in the middle, and hangs up */
	MANNERS
};

struct daemon {
	int fd;
	enum manner manner;
};

static bool
say_slowly(int fd, const char *text, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (send(fd, text + i, 1, MSG_NOSIGNAL) != 1)
			return false;
		(void)usleep(2000);
	}
	return true;
}

static void
take_some(int fd, size_t most)
{
	char b[4096];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t k;

	while (most > 0 && poll(&p, 1, 100) > 0 &&
	       (k = recv(fd, b, sizeof b, 0)) > 0)
		most -= (size_t)k < most ? (size_t)k : most;
}

static void *
daemon_main(void *arg)
{
	struct daemon *d = arg;
	char flood[4096];
	char end;

	memset(flood, 'x', sizeof flood);
	if (d->manner != DEAF)
		take_some(d->fd, d->manner == HANGS_UP || d->manner == TOO_LARGE
				     ? 100
				     : SIZE_MAX);
	if (d->manner == DRIP)
		while (say_slowly(d->fd, "stream", 6))
			;
	if (d->manner == SLOW)
		(void)say_slowly(d->fd, "stream: OK", 11);
	if (d->manner == FLOOD)
		while (send(d->fd, flood, sizeof flood, MSG_NOSIGNAL) > 0)
			;
	if (d->manner == TOO_LARGE)
		(void)send(d->fd, "INSTREAM size limit exceeded. ERROR", 36,
		    MSG_NOSIGNAL);
	if (d->manner == SILENT || d->manner == DEAF)
		(void)recv(d->fd, &end, d->manner == DEAF ? 0 : 1, 0);
	if (d->manner != DEAF)
		(void)close(d->fd);
	return NULL;
}

START_TEST(clamd__is_not_waited_for)
{
	static const enum clamd_says want[MANNERS] = {[SILENT] = CLAMD_FAILED,
	    [DEAF] = CLAMD_FAILED,
	    [DRIP] = CLAMD_FAILED,
	    [SLOW] = CLAMD_CLEAN,
	    [FLOOD] = CLAMD_FAILED,
	    [HANGS_UP] = CLAMD_FAILED,
	    [TOO_LARGE] = CLAMD_TOO_LARGE};
	const uint64_t size = 4 << 20;
	bool waits = _i == SLOW || _i == HANGS_UP || _i == TOO_LARGE;
	int64_t began = clk_mono();
	int fd = memfd_create("m", MFD_CLOEXEC), pair[2];
	struct clamd_answer a;
	struct daemon d = {.manner = (enum manner)_i};
	pthread_t th;

	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	d.fd = pair[1];
	ck_assert_int_eq(pthread_create(&th, NULL, daemon_main, &d), 0);
	clamd_scan(pair[0], fd, size, began + (waits ? 120 * 1000 : 500), &a);
	ck_assert_int_eq(a.says, want[_i]);
	(void)close(pair[0]);
	ck_assert_int_eq(pthread_join(th, NULL), 0);
	if (_i == DEAF)
		(void)close(pair[1]);
	(void)close(fd);
	ck_assert_int_lt(clk_mono() - began, 60 * 1000);
}
END_TEST

UNIT_TESTS(attach)
{
	TCase *tc = tcase_create("attach");

	tcase_add_loop_test(tc, attach__tells_each_file, 0,
	    (int)(sizeof files / sizeof files[0]));
	tcase_add_test(tc, attach__looks_into_archives);
	tcase_add_test(tc, attach__sees_passwords_and_macros);
	tcase_add_test(tc, attach__looks_into_gzip);
	tcase_add_test(tc, attach__has_clean_names);
	tcase_add_test(tc, attach__is_bounded);
	tcase_add_test(tc, attach__overlapping_entries);
	tcase_add_test(tc, attach__leaves_plain_mail_alone);
	tcase_add_loop_test(tc, clamd__is_not_waited_for, 0, MANNERS);
	tcase_add_loop_test(tc, clamd__is_understood, 0,
	    (int)(sizeof replies / sizeof replies[0]));
	return tc;
}
