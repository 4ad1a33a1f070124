#include "ipc/msg_import.h"

static void
say_fields(struct codec *c, struct xchg_say *v)
{
	codec_u8(c, &v->kind);
	codec_sv(c, &v->text);
}

CODEC(xchg_say, say_fields)

static void
path_fields(struct codec *c, struct xchg_path *v)
{
	codec_text(c, &v->path, XCHG_PATH_MAX);
}

CODEC(xchg_path, path_fields)

static void
finish_fields(struct codec *c, struct xchg_finish *v)
{
	codec_text(c, &v->from, XCHG_PATH_MAX);
	codec_text(c, &v->to, XCHG_PATH_MAX);
	codec_i64(c, &v->mtime);
}

CODEC(xchg_finish, finish_fields)

static void
log_fields(struct codec *c, struct xchg_log *v)
{
	codec_sv(c, &v->text);
}

CODEC(xchg_log, log_fields)

static void
done_fields(struct codec *c, struct xchg_done *v)
{
	codec_rc(c, &v->rc);
	codec_text(c, &v->text, ERR_TEXT_MAX);
	codec_fd_maybe(c, &v->fd);
}

CODEC(xchg_done, done_fields)

static void
names_fields(struct codec *c, struct xchg_names *v)
{
	uint32_t i;

	codec_rc(c, &v->rc);
	codec_text(c, &v->text, ERR_TEXT_MAX);
	if (v->rc != RC_OK)
		return;
	codec_bool(c, &v->more);
	codec_list(
	    c, (void **)&v->name, &v->n, sizeof *v->name, XCHG_NAMES_MAX);
	for (i = 0; i < v->n; i++) {
		codec_u8(c, &v->name[i].type);
		codec_sv(c, &v->name[i].name);
	}
	codec_list_end(c, (void **)&v->name, &v->n);
}

CODEC(xchg_names, names_fields)
