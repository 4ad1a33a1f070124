#include "ipc/msg_import.h"

static void
say_fields(struct codec *c, struct xfer_say *v)
{
	codec_u8(c, &v->kind);
	codec_sv(c, &v->text);
}

CODEC(xfer_say, say_fields)

static void
path_fields(struct codec *c, struct xfer_path *v)
{
	codec_text(c, &v->path, XFER_PATH_MAX);
}

CODEC(xfer_path, path_fields)

static void
finish_fields(struct codec *c, struct xfer_finish *v)
{
	codec_text(c, &v->from, XFER_PATH_MAX);
	codec_text(c, &v->to, XFER_PATH_MAX);
	codec_i64(c, &v->mtime);
}

CODEC(xfer_finish, finish_fields)

static void
log_fields(struct codec *c, struct xfer_log *v)
{
	codec_sv(c, &v->text);
}

CODEC(xfer_log, log_fields)

static void
done_fields(struct codec *c, struct xfer_done *v)
{
	codec_rc(c, &v->rc);
	codec_text(c, &v->text, ERR_TEXT_MAX);
	codec_fd_maybe(c, &v->fd);
}

CODEC(xfer_done, done_fields)

static void
names_fields(struct codec *c, struct xfer_names *v)
{
	uint32_t i;

	codec_rc(c, &v->rc);
	codec_text(c, &v->text, ERR_TEXT_MAX);
	if (v->rc != RC_OK)
		return;
	codec_bool(c, &v->more);
	codec_list(
	    c, (void **)&v->name, &v->n, sizeof *v->name, XFER_NAMES_MAX);
	for (i = 0; i < v->n; i++) {
		codec_u8(c, &v->name[i].type);
		codec_sv(c, &v->name[i].name);
	}
	codec_list_end(c, (void **)&v->name, &v->n);
}

CODEC(xfer_names, names_fields)
