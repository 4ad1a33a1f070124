#include "imap/exchange/broker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "imap/exchange/archive.h"
#include "imap/exchange/input.h"
#include "ipc/line.h"
#include "ipc/proto.h"

#define NAMES_MAX (1u << 30)
#define SAY_MAX	  4000

/* Sends m and waits.  On RC_OK *reply, behind its first two fields, is the
 * caller's to fini. */
static int
ask(struct broker *b, struct msg *m, struct msg *reply, struct err *err)
{
	char text[ERR_TEXT_MAX];
	int r = line_send_fd(b->fd, m);

	if (r == RC_OK)
		r = line_recv_fd(b->fd, reply);
	/* The command that would read our words is gone. */
	if (r != RC_OK)
		_exit(1);
	r = (int)msg_get_u32(reply);
	msg_get_str(reply, text, sizeof text);
	if (r == RC_OK && !reply->bad)
		return RC_OK;
	msg_fini(reply);
	return err_set(err, r == RC_OK ? RC_IO : r, "%s", text);
}

/* The same where nothing but a descriptor is to come, if fd_out. */
static int
ask_fd(struct broker *b, struct msg *m, int *fd_out, struct err *err)
{
	struct msg reply;
	int r = ask(b, m, &reply, err), fd = -1;

	if (r != RC_OK)
		return r;
	if (fd_out != NULL)
		fd = msg_take_fd(&reply);
	if (fd_out != NULL && fd < 0)
		r = err_set(err, RC_TEMP, "too many open files");
	else if (fd_out != NULL)
		*fd_out = fd;
	msg_fini(&reply);
	return r;
}

static int
ask_path(struct broker *b, uint16_t type, const char *path, int *fd_out,
    struct err *err)
{
	struct msg m;

	msg_init(&m, type);
	msg_put_str(&m, path);
	return ask_fd(b, &m, fd_out, err);
}

void
broker_say(struct broker *b, enum broker_say kind, struct sv text)
{
	struct msg m;

	msg_init(&m, XCHG_SAY);
	msg_put_u8(&m, (uint8_t)kind);
	msg_put_sv(&m, sv_first(text, SAY_MAX));
	if (line_send_fd(b->fd, &m) != RC_OK)
		_exit(1);
}

/* ---- files ---- */

static void
add_name(struct broker_names *out, uint8_t type, struct sv name)
{
	out->at = xgrow(out->at, &out->cap, out->n + 1, sizeof *out->at);
	out->at[out->n++] = (uint32_t)out->text.n;
	buf_addc(&out->text, (char)type);
	buf_addsv(&out->text, name);
	buf_addc(&out->text, '\0');
}

static int
compare(const void *a, const void *b, void *arg)
{
	const char *text = arg;
	const uint32_t *x = a, *y = b;

	return strcmp(text + *x + 1, text + *y + 1);
}

static void
add_member(void *arg, enum broker_type type, struct sv name)
{
	add_name(arg, (uint8_t)type, name);
}

/* In the order of their bytes; an archive has a folder's name more than once.
 */
static void
sort_names(struct broker_names *out)
{
	const char *text = out->text.p;
	size_t i, n = 0;

	if (out->n > 0)
		qsort_r(out->at, out->n, sizeof *out->at, compare, out->text.p);
	for (i = 0; i < out->n; i++)
		if (n == 0 || strcmp(text + out->at[n - 1] + 1,
				  text + out->at[i] + 1) != 0)
			out->at[n++] = out->at[i];
	out->n = n;
}

static int
list_archive(struct broker *b, const char *path, struct broker_names *out,
    struct err *err)
{
	int r = archive_list(b->archive, path, add_member, out, err);

	if (r == RC_OK && !buf_ok(&out->text))
		r = err_set(err, RC_TOOBIG, "too many names in \"%s\"", path);
	if (r == RC_OK)
		sort_names(out);
	else
		broker_names_fini(out);
	return r;
}

int
broker_list(struct broker *b, const char *path, struct broker_names *out,
    struct err *err)
{
	bool more = true;
	struct msg m, reply;
	int r = RC_OK;

	*out = (struct broker_names){.n = 0};
	buf_init(&out->text, NAMES_MAX);
	if (b->archive != NULL)
		return list_archive(b, path, out, err);
	msg_init(&m, XCHG_LIST);
	msg_put_str(&m, path);
	while (r == RC_OK && more) {
		uint32_t n, i;

		r = ask(b, &m, &reply, err);
		if (r != RC_OK)
			break;
		more = msg_get_u8(&reply) != 0;
		n = msg_get_u32(&reply);
		for (i = 0; i < n && !reply.bad; i++) {
			uint8_t type = msg_get_u8(&reply);

			add_name(out, type, msg_get_sv(&reply));
		}
		if (reply.bad || !buf_ok(&out->text))
			r = err_set(
			    err, RC_TOOBIG, "too many names in \"%s\"", path);
		msg_fini(&reply);
		msg_init(&m, XCHG_LIST_MORE);
	}
	msg_fini(&m);
	if (r != RC_OK)
		broker_names_fini(out);
	else
		sort_names(out);
	return r;
}

void
broker_names_fini(struct broker_names *n)
{
	buf_fini(&n->text);
	free(n->at);
	*n = (struct broker_names){.n = 0};
}

struct sv
broker_name(const struct broker_names *n, size_t i)
{
	return sv_str(n->text.p + n->at[i] + 1);
}

enum broker_type
broker_name_type(const struct broker_names *n, size_t i)
{
	switch (n->text.p[n->at[i]]) {
	case BROKER_FILE:
		return BROKER_FILE;
	case BROKER_FOLDER:
		return BROKER_FOLDER;
	default:
		return BROKER_OTHER;
	}
}

int
broker_open(struct broker *b, const char *path, int *fd_out, struct err *err)
{
	return ask_path(b, XCHG_OPEN, path, fd_out, err);
}

int
broker_read(
    struct broker *b, const char *path, struct buf *out, struct err *err)
{
	char piece[4096];
	struct input in;
	ssize_t n = 0;
	int r = input_open(b, path, &in, err);

	if (r != RC_OK)
		return r;
	while (buf_ok(out) && (n = input_read(&in, piece, sizeof piece)) > 0)
		buf_add(out, piece, (size_t)n);
	input_close(&in);
	if (n < 0)
		r = RC_IO;
	else if (!buf_ok(out))
		r = RC_TOOBIG;
	return r == RC_OK ? RC_OK : err_set(err, r, "%s cannot be read", path);
}

int
broker_make_folder(struct broker *b, const char *path, struct err *err)
{
	return ask_path(b, XCHG_MAKE, path, NULL, err);
}

int
broker_create(struct broker *b, const char *path, int *fd_out, struct err *err)
{
	return ask_path(b, XCHG_CREATE, path, fd_out, err);
}

int
broker_finish(struct broker *b, const char *from, const char *to, int64_t mtime,
    struct err *err)
{
	struct msg m;

	msg_init(&m, XCHG_FINISH);
	msg_put_str(&m, from);
	msg_put_str(&m, to);
	msg_put_u64(&m, (uint64_t)mtime);
	return ask_fd(b, &m, NULL, err);
}

int
broker_scratch(struct broker *b, int *fd_out, struct err *err)
{
	return ask_path(b, XCHG_SCRATCH, "", fd_out, err);
}

/* ---- the others ---- */

int
broker_log(struct broker *b, struct sv text, struct err *err)
{
	struct msg m;

	msg_init(&m, XCHG_LOG);
	msg_put_sv(&m, text);
	return ask_fd(b, &m, NULL, err);
}

int
broker_session(struct broker *b, int *fd_out, struct err *err)
{
	return ask_path(b, XCHG_SESSION, "", fd_out, err);
}

int
broker_connect(struct broker *b, int *fd_out, struct err *err)
{
	return ask_path(b, XCHG_CONNECT, "", fd_out, err);
}
