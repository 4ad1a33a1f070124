#include "imap/transfer/broker.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "ipc/line.h"
#include "ipc/msg_import.h"
#include "ipc/proto.h"

#define NAMES_MAX (1u << 30)
#define SAY_MAX	  4000

/* Sends m and waits; *reply is the caller's to fini. */
static void
ask(struct broker *b, struct msg *m, struct msg *reply)
{
	int r = line_send_fd(b->fd, m);

	if (r == RC_OK)
		r = line_recv_fd(b->fd, reply);
	/* The command that would read our words is gone. */
	if (r != RC_OK)
		_exit(1);
}

/* The same where nothing but a descriptor is to come, if fd_out. */
static int
ask_fd(struct broker *b, struct msg *m, int *fd_out, struct err *err)
{
	struct xfer_done done;
	struct msg reply;
	int r;

	ask(b, m, &reply);
	r = xfer_done_get(&reply, &done);
	if (r != RC_OK)
		r = err_set(err, RC_IO, "the answer is garbled");
	else if (done.rc != RC_OK)
		r = err_set(err, done.rc, "%.*s", SV_ARG(done.text));
	else if (fd_out != NULL && done.fd < 0)
		r = err_set(err, RC_TEMP, "too many open files");
	else if (fd_out != NULL)
		*fd_out = done.fd;
	if (r != RC_OK || fd_out == NULL)
		xfer_done_fini(&done);
	msg_fini(&reply);
	return r;
}

static int
ask_path(struct broker *b, uint16_t type, const char *path, int *fd_out,
    struct err *err)
{
	const struct xfer_path asked = {sv_str(path)};
	struct msg m;

	msg_init(&m, type);
	xfer_path_put(&m, &asked);
	return ask_fd(b, &m, fd_out, err);
}

void
broker_say(struct broker *b, enum broker_say kind, struct sv text)
{
	const struct xfer_say said = {(uint8_t)kind, sv_first(text, SAY_MAX)};
	struct msg m;

	msg_init(&m, XFER_SAY);
	xfer_say_put(&m, &said);
	if (line_send_fd(b->fd, &m) != RC_OK)
		_exit(1);
}

/* ---- files ---- */

void
broker_names_add(
    struct broker_names *out, enum broker_type type, struct sv name)
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

void
broker_names_sort(struct broker_names *out)
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

/* As many as go into a message. */
static int
list_some(struct broker *b, uint16_t type, const char *path,
    struct broker_names *out, bool *more, struct err *err)
{
	const struct xfer_path asked = {sv_str(path)};
	struct xfer_names names;
	struct msg m, reply;
	uint32_t i;
	int r;

	msg_init(&m, type);
	xfer_path_put(&m, &asked);
	ask(b, &m, &reply);
	r = xfer_names_get(&reply, &names);
	if (r != RC_OK) {
		r = err_set(err, RC_IO, "the answer is garbled");
	} else if (names.rc != RC_OK) {
		r = err_set(err, names.rc, "%.*s", SV_ARG(names.text));
	} else {
		for (i = 0; i < names.n; i++)
			broker_names_add(out,
			    (enum broker_type)names.name[i].type,
			    names.name[i].name);
		*more = names.more;
		if (!buf_ok(&out->text))
			r = err_set(
			    err, RC_TOOBIG, "too many names in \"%s\"", path);
	}
	xfer_names_fini(&names);
	msg_fini(&reply);
	return r;
}

int
broker_list(struct broker *b, const char *path, struct broker_names *out,
    struct err *err)
{
	bool more = false;
	int r;

	broker_names_init(out);
	r = list_some(b, XFER_LIST, path, out, &more, err);
	while (r == RC_OK && more)
		r = list_some(b, XFER_LIST_MORE, path, out, &more, err);
	if (r != RC_OK)
		broker_names_fini(out);
	else
		broker_names_sort(out);
	return r;
}

void
broker_names_init(struct broker_names *out)
{
	*out = (struct broker_names){.n = 0};
	buf_init(&out->text, NAMES_MAX);
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
	return ask_path(b, XFER_OPEN, path, fd_out, err);
}

int
broker_make_folder(struct broker *b, const char *path, struct err *err)
{
	return ask_path(b, XFER_MAKE, path, NULL, err);
}

int
broker_create(struct broker *b, const char *path, int *fd_out, struct err *err)
{
	return ask_path(b, XFER_CREATE, path, fd_out, err);
}

int
broker_finish(struct broker *b, const char *from, const char *to, int64_t mtime,
    struct err *err)
{
	const struct xfer_finish asked = {sv_str(from), sv_str(to), mtime};
	struct msg m;

	msg_init(&m, XFER_FINISH);
	xfer_finish_put(&m, &asked);
	return ask_fd(b, &m, NULL, err);
}

int
broker_scratch(struct broker *b, int *fd_out, struct err *err)
{
	return ask_path(b, XFER_SCRATCH, "", fd_out, err);
}

/* ---- the others ---- */

int
broker_log(struct broker *b, struct sv text, struct err *err)
{
	const struct xfer_log asked = {text};
	struct msg m;

	msg_init(&m, XFER_LOG);
	xfer_log_put(&m, &asked);
	return ask_fd(b, &m, NULL, err);
}

int
broker_session(struct broker *b, int *fd_out, struct err *err)
{
	return ask_path(b, XFER_SESSION, "", fd_out, err);
}

int
broker_connect(struct broker *b, int *fd_out, struct err *err)
{
	return ask_path(b, XFER_CONNECT, "", fd_out, err);
}
