#include "test/unit/mime/fixture.h"

#include <dirent.h>
#include <stdio.h>

#include "base/io.h"
#include "test/unit/unit.h"

void
fixture_check_structure(const struct mime_msg *m, uint64_t size)
{
	uint32_t i, c;

	ck_assert_uint_ge(m->n, 1);
	ck_assert_uint_eq(m->part[0].parent, MIME_NONE);
	for (i = 0; i < m->n; i++) {
		const struct mime_part *p = &m->part[i];
		uint32_t children = 0;

		ck_assert_uint_le(p->header_off + p->header_len, p->body_off);
		ck_assert_uint_le(p->body_off + p->body_len, size);
		if (i > 0) {
			const struct mime_part *up;

			ck_assert_uint_lt(p->parent, i);
			up = &m->part[p->parent];
			ck_assert(up->kind == MIME_KIND_MULTIPART ||
				  up->kind == MIME_KIND_MESSAGE);
			ck_assert_uint_ge(p->header_off, up->body_off);
			ck_assert_uint_le(p->body_off + p->body_len,
			    up->body_off + up->body_len);
		}
		for (c = p->first_child; c != MIME_NONE; c = m->part[c].next) {
			ck_assert_uint_lt(c, m->n);
			ck_assert_uint_eq(m->part[c].parent, i);
			ck_assert_uint_lt(children++, m->n);
		}
		if (p->kind == MIME_KIND_MESSAGE)
			ck_assert_uint_eq(children, 1);
		else if (p->kind != MIME_KIND_MULTIPART)
			ck_assert_uint_eq(children, 0);
	}
}

void
fixture_shape(const struct mime_msg *m, uint32_t i, struct buf *out)
{
	static const char letter[] = "TOPM";
	const struct mime_part *p = &m->part[i];
	uint32_t c;

	buf_addf(out, "%c%llu+%llu/%u", letter[p->kind],
	    (unsigned long long)p->header_len, (unsigned long long)p->body_len,
	    p->body_lines);
	if (p->first_child == MIME_NONE)
		return;
	buf_addc(out, '(');
	for (c = p->first_child; c != MIME_NONE; c = m->part[c].next) {
		if (c != p->first_child)
			buf_addc(out, ' ');
		fixture_shape(m, c, out);
	}
	buf_addc(out, ')');
}

static void
load(const char *path, bool crlf, struct buf *out)
{
	struct buf raw;
	struct err err;
	size_t i;

	buf_init(&raw, 16u << 20);
	ck_assert_msg(io_read_file(path, &raw, &err) == RC_OK, "%s", path);
	buf_reset(out);
	for (i = 0; i < raw.n; i++) {
		if (crlf && raw.p[i] == '\n' &&
		    (i == 0 || raw.p[i - 1] != '\r'))
			buf_addc(out, '\r');
		buf_addc(out, raw.p[i]);
	}
	ck_assert(buf_ok(out));
	buf_fini(&raw);
}

void
fixture_load(const char *name, struct buf *out)
{
	char path[512];
	struct sv n = sv_str(name);

	(void)snprintf(path, sizeof path, "%s/%s", TEST_DATA, name);
	load(path, sv_ends(n, SV(".eml")), out);
}

static int
each_in(const char *dir, void (*fn)(const char *name, struct sv msg))
{
	char path[512];
	struct dirent *e;
	struct buf msg;
	DIR *d;
	int n = 0;

	(void)snprintf(path, sizeof path, "%s/%s", TEST_DATA, dir);
	d = opendir(path);
	ck_assert_msg(d != NULL, "%s", path);
	buf_init(&msg, 16u << 20);
	while ((e = readdir(d)) != NULL) {
		if (!sv_ends(sv_str(e->d_name), SV(".eml")))
			continue;
		(void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		fixture_load(path, &msg);
		fn(path, buf_sv(&msg));
		n++;
	}
	buf_fini(&msg);
	(void)closedir(d);
	return n;
}

int
fixture_each_message(void (*fn)(const char *name, struct sv msg))
{
	return each_in("mail-parser", fn) + each_in("mikel-mail", fn) +
	       each_in("mimekit", fn);
}

void
unit_start(void)
{
	mime_charset_setup();
}
