#include "report/unpack.h"

#include "archive/unpack.h"
#include "archive/zip.h"
#include "mime/mime.h"
#include "report/text.h"

#define LAYERS	      2 /* of packing */
#define MAIL_SIZE     4 /* documents of the largest size in one mail */
#define FILE_NAME_MAX 512

struct unpacking {
	const struct report_limits *limits;
	report_document_fn *fn;
	void *arg;
	uint32_t files; /* looked into */
	size_t left;	/* bytes that may still come out */
};

/* A file, and what is known of it from outside. */
struct file {
	struct sv bytes, name;
	bool named; /* its name or type, or those around it, say "report" */
	unsigned layer;
};

static void look(struct unpacking *u, const struct file *f);

/* ---- what it is ---- */

static bool
is_gzip(struct sv s)
{
	return sv_starts(s, SV("\x1f\x8b"));
}

static bool
is_zip(struct sv s)
{
	return sv_starts(s, SV("PK\x03\x04")) || sv_starts(s, SV("PK\x05\x06"));
}

/* XML or JSON, behind a mark of UTF-8 or UTF-16 and blanks. */
static bool
is_text(struct sv s)
{
	if (report_text_is_utf16(s))
		return true;
	s = report_text_begin(s);
	return s.n > 0 && (s.p[0] == '<' || s.p[0] == '{');
}

/* "google.com!example.org!1404086400!1404172799.zip" [RFC 9990 3.5.2] */
static bool
name_says_so(struct sv name)
{
	size_t bang = sv_chr(name, '!');

	return bang < name.n &&
	       sv_chr(sv_skip(name, bang + 1), '!') < name.n - bang - 1;
}

/* ---- packed ---- */

static void
refuse(struct unpacking *u, const struct file *f, const char *why)
{
	const struct report_document d = {
	    .name = f->name, .refused = why, .named = f->named};

	u->fn(u->arg, &d);
}

#define TOO_LARGE "it is larger when unpacked than any report"
#define DAMAGED	  "it is packed, and damaged"

struct filling {
	struct buf out;
	size_t left;
};

static int
fill(void *arg, struct sv piece)
{
	struct filling *f = arg;

	if (piece.n > f->left)
		return RC_TOOBIG;
	f->left -= piece.n;
	buf_addsv(&f->out, piece);
	return buf_ok(&f->out) ? RC_OK : RC_TOOBIG;
}

/* Unpacks it and looks at what has come out.  What comes before the damage is
 * used: the reader says where it breaks off. */
static void
inflate_and_look(struct unpacking *u, enum unpack_how how, const struct file *f)
{
	struct unpack *z = unpack_new(how);
	struct filling fill_in = {.left = u->left};
	struct file inner = *f;
	int r;

	buf_init(&fill_in.out, u->limits->unpacked);
	r = unpack_feed(z, f->bytes, fill, &fill_in);
	unpack_free(&z);
	u->left = fill_in.left;
	inner.bytes = buf_sv(&fill_in.out);
	inner.layer++;
	if (r == RC_TOOBIG)
		refuse(u, f, TOO_LARGE);
	else if (inner.bytes.n == 0 && r != RC_OK)
		refuse(u, f, DAMAGED);
	else
		look(u, &inner);
	buf_fini(&fill_in.out);
}

/* Folders, and what some systems lay beside each file. */
static bool
is_no_file(struct sv name)
{
	static const struct sv beside[] = {
	    SV(".DS_Store"), SV("Thumbs.db"), SV("desktop.ini")};
	size_t at, i;

	for (at = name.n; at > 0; at--)
		if (name.p[at - 1] == '/' || name.p[at - 1] == '\\')
			break;
	if ((at > 0 && at == name.n) || sv_starts(name, SV("__MACOSX/")) ||
	    sv_starts(sv_skip(name, at), SV("._")))
		return true;
	for (i = 0; i < sizeof beside / sizeof beside[0]; i++)
		if (sv_ieq(sv_skip(name, at), beside[i]))
			return true;
	return false;
}

/* One file of a zip.  Its size in the directory is a claim; what comes out is
 * counted. */
static void
unzip_entry(
    struct unpacking *u, const struct file *zip, const struct zip_entry *e)
{
	struct file f = *zip;
	uint64_t head;

	f.name = e->unicode.n > 0 ? e->unicode : e->name;
	f.named |= name_says_so(f.name);
	f.bytes = sv_skip(
	    zip->bytes, e->at < zip->bytes.n ? (size_t)e->at : zip->bytes.n);
	if (e->encrypted) {
		refuse(u, &f, "it is encrypted");
		return;
	}
	if (zip_local_size(f.bytes, &head) != RC_OK || head > f.bytes.n ||
	    e->packed > f.bytes.n - head) {
		refuse(u, &f, DAMAGED);
		return;
	}
	f.bytes = sv_first(sv_skip(f.bytes, (size_t)head), (size_t)e->packed);
	if (e->method == 8) {
		inflate_and_look(u, UNPACK_RAW, &f);
	} else if (e->method != 0) {
		refuse(u, &f, "it is packed in an unknown way");
	} else if (f.bytes.n > u->limits->unpacked) {
		refuse(u, &f, TOO_LARGE);
	} else {
		f.layer++;
		look(u, &f);
	}
}

static void
unzip(struct unpacking *u, const struct file *f)
{
	struct sv zip = f->bytes, rest;
	size_t from = zip.n > ZIP_TAIL ? zip.n - ZIP_TAIL : 0;
	struct zip_entry e;
	struct zip_end end;
	uint32_t n = 0;

	if (zip_end_find(sv_skip(zip, from), from, &end) != RC_OK ||
	    (end.large &&
		zip_end64_parse(sv_skip(zip, end.large_at), &end) != RC_OK) ||
	    end.several || end.at > zip.n) {
		refuse(u, f, DAMAGED);
		return;
	}
	rest = sv_skip(zip, (size_t)end.at);
	while (zip_entry_take(&rest, &e) == RC_OK) {
		if (n++ >= u->limits->files) {
			refuse(u, f, "there are too many files in it");
			return;
		}
		if (!e.symlink && !is_no_file(e.name))
			unzip_entry(u, f, &e);
	}
	if (n == 0)
		refuse(
		    u, f, end.count > 0 ? DAMAGED : "there is nothing in it");
}

static void
look(struct unpacking *u, const struct file *f)
{
	bool gzip = is_gzip(f->bytes), zip = is_zip(f->bytes);
	struct report_document d = {f->name, f->bytes, NULL, f->named};

	if (u->files >= u->limits->files)
		return;
	u->files++;
	if ((gzip || zip) && f->layer >= LAYERS)
		refuse(u, f, "it is packed again and again");
	else if (gzip)
		inflate_and_look(u, UNPACK_AUTO, f);
	else if (zip)
		unzip(u, f);
	else if (f->named || is_text(f->bytes))
		u->fn(u->arg, &d);
}

/* ---- the mail ---- */

/* The name of a part's file, wherever it is. */
static void
part_name(struct sv header, struct buf *out)
{
	struct sv value;

	if (mime_field_find(header, SV("content-disposition"), &value) &&
	    mime_param(value, SV("filename"), out) && out->n > 0)
		return;
	buf_reset(out);
	if (!mime_field_find(header, SV("content-type"), &value) ||
	    !mime_param(value, SV("name"), out))
		buf_reset(out);
}

static bool
type_says_so(struct sv header)
{
	struct sv value;

	return mime_field_find(header, SV("content-type"), &value) &&
	       sv_istarts(sv_trim(value), SV("application/tlsrpt"));
}

/* Some forget to say that it is base64: so begin gzip, zip and XML in it. */
static enum mime_encoding
encoding_of(const struct mime_part *p, struct sv body)
{
	body = sv_trim(body);
	if (p->encoding == MIME_ENC_IDENTITY &&
	    (sv_starts(body, SV("H4sI")) || sv_starts(body, SV("UEsDB")) ||
		sv_starts(body, SV("PD94bWwg"))))
		return MIME_ENC_BASE64;
	return (enum mime_encoding)p->encoding;
}

static void
look_at_part(struct unpacking *u, struct sv message, const struct mime_part *p)
{
	struct sv header =
	    sv_of(message.p + p->header_off, (size_t)p->header_len);
	struct sv body = sv_of(message.p + p->body_off, (size_t)p->body_len);
	struct buf name, bytes;
	struct file f = {.layer = 0};

	buf_init(&name, FILE_NAME_MAX);
	buf_init(&bytes, message.n + 1);
	part_name(header, &name);
	mime_decode_body(body, encoding_of(p, body), &bytes);
	f.bytes = buf_sv(&bytes);
	f.name = buf_sv(&name);
	f.named = name_says_so(f.name) || type_says_so(header);
	look(u, &f);
	buf_fini(&bytes);
	buf_fini(&name);
}

void
report_unpack(struct sv message, const struct report_limits *limits,
    report_document_fn *fn, void *arg)
{
	struct unpacking u = {.limits = limits,
	    .fn = fn,
	    .arg = arg,
	    .left = MAIL_SIZE * limits->unpacked};
	struct mime_limits lim = MIME_LIMITS_DEFAULT;
	struct mime_msg m;
	uint32_t i;

	lim.parts = 200;
	lim.depth = 20;
	mime_parse(message, &lim, &m);
	for (i = 0; i < m.n; i++)
		if (m.part[i].kind == MIME_KIND_TEXT ||
		    m.part[i].kind == MIME_KIND_OTHER)
			look_at_part(&u, message, &m.part[i]);
	mime_msg_fini(&m);
}
