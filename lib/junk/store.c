#include "junk/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/be.h"
#include "base/io.h"
#include "base/log.h"
#include "journal/crc32c.h"

#define SNAPSHOT   "HMJS"
#define LOG	   "HMJL"
#define VERSION	   2
#define LOG_HEAD   13
#define HEAD	   17
#define RECORD	   9 /* length, CRC, type */
#define LOG_LONG   (1500 * 1024)
#define FILE_MAX   (16 << 20)
#define RECORD_MAX (5 << 20)

static void
path(const struct junk_file *f, const char *end, char out[96])
{
	(void)snprintf(out, 96, "%s.%s", f->name, end);
}

/* ---- reading ---- */

static bool
take_snapshot(struct junk_file *f, struct sv s, const struct junk_file_ops *ops,
    void *arg)
{
	uint32_t notes;

	if (s.n < HEAD || !sv_starts(s, SV(SNAPSHOT)) || s.p[4] != VERSION)
		return false;
	notes = be_get32(s.p + 13);
	if (notes > s.n - HEAD)
		return false;
	if (junk_model_decode(sv_skip(s, HEAD + notes), &f->model) != RC_OK)
		return false;
	f->generation = be_get64(s.p + 5);
	ops->notes(arg, sv_first(sv_skip(s, HEAD), notes));
	return true;
}

static void
set_aside(const char *from)
{
	char to[128];

	(void)snprintf(to, sizeof to, "%s.old", from);
	(void)rename(from, to);
	mlog(LOG_WARN, "junk.aside",
	    "file=%s text=\"what was learned cannot be read; the file was "
	    "renamed to .old, and learning begins anew\"",
	    from);
}

static int
load(struct junk_file *f, unsigned bits, const struct junk_file_ops *ops,
    void *arg, struct err *err)
{
	struct stat st;
	struct buf b;
	char file[96];
	int r = RC_OK;

	path(f, "model", file);
	f->model = NULL;
	f->generation = 0;
	buf_init(&b, FILE_MAX);
	if (stat(file, &st) == 0) {
		r = io_read_file(file, &b, err);
		if (r == RC_OK && !take_snapshot(f, buf_sv(&b), ops, arg))
			set_aside(file);
	}
	if (r == RC_OK && f->model == NULL)
		f->model = junk_model_new(bits);
	buf_fini(&b);
	return r;
}

/* Returns how much of the log is whole, 0 if it is another snapshot's. */
static size_t
replay(struct junk_file *f, struct sv log, const struct junk_file_ops *ops,
    void *arg)
{
	struct sv s = log;

	if (s.n < LOG_HEAD || !sv_starts(s, SV(LOG)) || s.p[4] != VERSION ||
	    be_get64(s.p + 5) != f->generation)
		return 0;
	s = sv_skip(s, LOG_HEAD);
	while (s.n >= RECORD) {
		uint32_t n = be_get32(s.p);

		if (n > RECORD_MAX || n > s.n - RECORD ||
		    crc32c(0, s.p + 8, n + 1) != be_get32(s.p + 4))
			break;
		ops->record(
		    arg, (uint8_t)s.p[8], sv_first(sv_skip(s, RECORD), n));
		s = sv_skip(s, RECORD + n);
	}
	return (size_t)(s.p - log.p);
}

static int
begin_log(struct junk_file *f)
{
	unsigned char head[LOG_HEAD] = LOG;

	head[4] = VERSION;
	be_put64(head + 5, f->generation);
	f->log_bytes = 0;
	if (ftruncate(f->log, 0) != 0 || lseek(f->log, 0, SEEK_SET) != 0)
		return RC_IO;
	return io_write_all(f->log, head, LOG_HEAD);
}

/* Of another version: what it tells is about another model. */
static bool
is_foreign(struct sv log)
{
	return log.n >= LOG_HEAD &&
	       (!sv_starts(log, SV(LOG)) || log.p[4] != VERSION);
}

static int
create_log(struct junk_file *f, const char *file)
{
	io_close(&f->log);
	f->log = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return f->log >= 0 ? RC_OK : RC_IO;
}

static int
open_log(struct junk_file *f, const struct junk_file_ops *ops, void *arg)
{
	struct buf b;
	char file[96];
	size_t whole = 0;
	int r;

	path(f, "log", file);
	r = create_log(f, file);
	if (r != RC_OK)
		return r;
	buf_init(&b, FILE_MAX);
	if (io_read_rest(f->log, &b) == RC_OK)
		whole = replay(f, buf_sv(&b), ops, arg);
	if (is_foreign(buf_sv(&b))) {
		set_aside(file);
		r = create_log(f, file);
	}
	buf_fini(&b);
	if (r != RC_OK)
		return r;
	if (whole == 0)
		return begin_log(f);
	f->log_bytes = whole - LOG_HEAD;
	if (ftruncate(f->log, (off_t)whole) != 0 ||
	    lseek(f->log, (off_t)whole, SEEK_SET) < 0)
		r = RC_IO;
	return r;
}

int
junk_file_open(struct junk_file *f, const char *name, unsigned bits,
    const struct junk_file_ops *ops, void *arg, struct err *err)
{
	int r;

	(void)snprintf(f->name, sizeof f->name, "%s", name);
	f->log = -1;
	f->dirty = false;
	r = load(f, bits, ops, arg, err);
	if (r == RC_OK && open_log(f, ops, arg) != RC_OK)
		r = err_set(err, RC_IO, "%s.log cannot be written", name);
	if (r != RC_OK)
		junk_file_close(f);
	return r;
}

/* ---- writing ---- */

void
junk_file_flush(struct junk_file *f)
{
	if (f->dirty && fdatasync(f->log) != 0)
		mlog(LOG_WARN, "junk.flush", "file=%s.log", f->name);
	f->dirty = false;
}

void
junk_file_close(struct junk_file *f)
{
	if (f->log >= 0)
		junk_file_flush(f);
	io_close(&f->log);
	junk_model_free(&f->model);
}

bool
junk_file_has(const char *name)
{
	char file[128];
	struct stat st;

	(void)snprintf(file, sizeof file, "%s.model", name);
	if (stat(file, &st) == 0 || errno != ENOENT)
		return true;
	(void)snprintf(file, sizeof file, "%s.log", name);
	if (stat(file, &st) != 0)
		return errno != ENOENT;
	return st.st_size > LOG_HEAD;
}

void
junk_file_remove(const char *name)
{
	static const char *const end[] = {
	    "log", "model", "model.old", "log.old"};
	char file[128];
	size_t i;

	for (i = 0; i < sizeof(end) / sizeof(end[0]); i++) {
		(void)snprintf(file, sizeof file, "%s.%s", name, end[i]);
		(void)unlink(file);
	}
}

int
junk_file_add(struct junk_file *f, uint8_t type, struct sv payload)
{
	struct buf b;
	unsigned char head[RECORD];
	off_t end = (off_t)(f->log_bytes + LOG_HEAD);
	int r;

	if (payload.n > RECORD_MAX)
		return RC_TOOBIG;
	buf_init(&b, RECORD + RECORD_MAX);
	head[8] = type;
	be_put32(head, (uint32_t)payload.n);
	buf_add(&b, head, RECORD);
	buf_addsv(&b, payload);
	be_put32(b.p + 4, crc32c(0, b.p + 8, payload.n + 1));
	r = io_write_all(f->log, b.p, b.n);
	if (r == RC_OK)
		f->log_bytes += b.n;
	else if (ftruncate(f->log, end) != 0 ||
		 lseek(f->log, end, SEEK_SET) != end)
		mlog(LOG_WARN, "junk.write", "file=%s.log", f->name);
	f->dirty = true;
	buf_fini(&b);
	return r;
}

bool
junk_file_is_long(const struct junk_file *f)
{
	return f->log_bytes > LOG_LONG;
}

int
junk_file_snapshot(struct junk_file *f, struct sv notes, struct err *err)
{
	unsigned char head[HEAD] = SNAPSHOT;
	char file[96];
	struct buf b;
	int r;

	head[4] = VERSION;
	be_put64(head + 5, f->generation + 1);
	be_put32(head + 13, (uint32_t)notes.n);
	buf_init(&b, FILE_MAX);
	buf_add(&b, head, HEAD);
	buf_addsv(&b, notes);
	junk_model_encode(f->model, &b);
	path(f, "model", file);
	r = buf_ok(&b) ? io_replace_file(file, buf_sv(&b), 0600, err)
		       : err_set(err, RC_TOOBIG, "too large");
	buf_fini(&b);
	if (r != RC_OK)
		return r;
	f->generation++;
	return begin_log(f);
}
