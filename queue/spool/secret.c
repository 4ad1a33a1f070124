#include "queue/spool/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <sodium.h>

#include "base/io.h"

#define LINE_BYTES (2 * SECRET_BYTES + 1)
#define FILE_MAX   (SECRETS_MAX * 100)

static bool
take_line(struct sv line, struct secret *s)
{
	size_t n = 0;

	if (s->n == SECRETS_MAX || line.n != LINE_BYTES - 1 ||
	    sodium_hex2bin(s->bytes[s->n], SECRET_BYTES, line.p, line.n, NULL,
		&n, NULL) != 0 ||
	    n != SECRET_BYTES)
		return false;
	s->n++;
	return true;
}

/* The slices point into the struct itself. */
static void
point(struct secret *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		s->key[i] = sv_of((const char *)s->bytes[i], SECRET_BYTES);
}

int
secret_parse(struct sv text, struct secret *out)
{
	struct secret s = {.n = 0};

	while (text.n > 0) {
		struct sv line = sv_trim(sv_split(&text, '\n'));

		if (line.n > 0 && !take_line(line, &s))
			return RC_SYNTAX;
	}
	if (s.n == 0)
		return RC_SYNTAX;
	*out = s;
	point(out);
	return RC_OK;
}

static void
make(struct secret *s)
{
	*s = (struct secret){.n = 1};
	randombytes_buf(s->bytes[0], SECRET_BYTES);
	point(s);
}

/* Whole or not at all. */
static int
store(int dirfd, const struct secret *s, struct err *err)
{
	char line[LINE_BYTES + 1];
	int fd = openat(dirfd, SECRET_FILE ".new",
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = RC_OK;

	if (fd < 0)
		return err_sys(err, RC_IO, errno, SECRET_FILE ".new");
	(void)sodium_bin2hex(line, LINE_BYTES, s->bytes[0], SECRET_BYTES);
	line[LINE_BYTES - 1] = '\n';
	r = io_write_all(fd, line, LINE_BYTES);
	if (r == RC_OK && fsync(fd) != 0)
		r = RC_IO;
	io_close(&fd);
	if (r == RC_OK &&
	    (renameat(dirfd, SECRET_FILE ".new", dirfd, SECRET_FILE) != 0 ||
		fsync(dirfd) != 0))
		r = RC_IO;
	sodium_memzero(line, sizeof line);
	return r == RC_OK ? RC_OK : err_sys(err, RC_IO, errno, SECRET_FILE);
}

static int
read_text(int fd, struct buf *out)
{
	char *p = buf_reserve(out, FILE_MAX);
	ssize_t n = pread(fd, p, FILE_MAX, 0);

	if (n < 0)
		return RC_IO;
	buf_added(out, (size_t)n);
	return RC_OK;
}

int
secret_load(int dirfd, struct secret *out, struct err *err)
{
	int fd = openat(dirfd, SECRET_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct buf text;
	int r;

	if (fd < 0) {
		make(out);
		return errno == ENOENT
			   ? store(dirfd, out, err)
			   : err_sys(err, RC_IO, errno, SECRET_FILE);
	}
	buf_init(&text, FILE_MAX);
	r = read_text(fd, &text);
	io_close(&fd);
	if (r == RC_OK)
		r = secret_parse(buf_sv(&text), out);
	buf_wipe(&text);
	if (r == RC_OK)
		return RC_OK;
	make(out);
	return err_set(err, r,
	    SECRET_FILE ": lines of 64 hexadecimal digits are expected");
}
