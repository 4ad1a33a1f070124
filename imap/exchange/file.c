#include "imap/exchange/file.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "imap/exchange/lines.h"

#define PIECE 65536

enum outcome {
	CAME,
	UNREADABLE,
	TOO_LARGE
};

static int
push_bytes(
    const struct file_source *f, int fd, enum outcome *how, struct err *err)
{
	struct lines_in lines = {.last = '\0'};
	char *piece = xmalloc(PIECE);
	uint64_t size = 0;
	struct buf out;
	int r = RC_OK;
	bool first = true;

	buf_init(&out, 2 * PIECE);
	*how = CAME;
	while (r == RC_OK && *how == CAME) {
		ssize_t n = read(fd, piece, PIECE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			*how = UNREADABLE;
		if (n <= 0)
			break;
		buf_reset(&out);
		must(lines_to_crlf(&lines, sv_of(piece, (size_t)n), &out));
		if (first && f->head != NULL)
			f->head(f->arg, buf_sv(&out));
		first = false;
		size += out.n;
		if (size > EXCHANGE_MESSAGE_MAX)
			*how = TOO_LARGE;
		else
			r = f->to->bytes(f->to->arg, buf_sv(&out), err);
	}
	buf_fini(&out);
	free(piece);
	return r;
}

int
file_push(const struct file_source *f, const char *path,
    const struct exchange_msg *m, struct err *err)
{
	struct exchange_msg msg = *m;
	enum outcome how = CAME;
	struct err why;
	struct stat st;
	int fd, r;

	r = broker_open(f->x->broker, path, &fd, &why);
	if (r != RC_OK) {
		report_skip(f->x->report, m->name, why.text);
		return RC_OK;
	}
	if (fstat(fd, &st) == 0 && msg.date == 0)
		msg.date = (int64_t)st.st_mtime;
	r = f->to->begin(f->to->arg, err);
	if (r == RC_OK)
		r = push_bytes(f, fd, &how, err);
	io_close(&fd);
	if (r == RC_OK && how == CAME) {
		f->fill(f->arg, &msg);
		return f->to->end(f->to->arg, &msg, err);
	}
	f->to->drop(f->to->arg);
	if (r == RC_OK)
		report_skip(f->x->report, m->name,
		    how == TOO_LARGE ? "it is larger than 64 MiB"
				     : "it cannot be read");
	return r;
}
