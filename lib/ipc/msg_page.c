#include "ipc/msg_page.h"

static void
sign_in_ask_fields(struct codec *c, struct sign_in_ask *v)
{
	codec_text(c, &v->name, PAGE_NAME_MAX);
	codec_text(c, &v->password, PAGE_PASSWORD_MAX);
	codec_text(c, &v->step, PAGE_TOKEN_MAX);
	codec_text(c, &v->code, PAGE_CODE_MAX);
	codec_text(c, &v->peer, ACCOUNT_PEER_MAX);
	codec_text(c, &v->agent, PAGE_AGENT_MAX);
	codec_text(c, &v->browser, PAGE_TOKEN_MAX);
}
CODEC(sign_in_ask, sign_in_ask_fields)

static void
sign_in_done_fields(struct codec *c, struct sign_in_done *v)
{
	codec_rc(c, &v->rc);
	codec_sv(c, &v->text);
	if (v->rc != RC_OK && v->rc != RC_EXISTS)
		return;
	codec_text(c, &v->session, PAGE_TOKEN_MAX);
	if (v->rc != RC_OK)
		return;
	codec_text(c, &v->browser, PAGE_TOKEN_MAX);
	codec_bool(c, &v->admin);
}
CODEC(sign_in_done, sign_in_done_fields)

static void
sign_out_fields(struct codec *c, struct sign_out *v)
{
	codec_text(c, &v->session, PAGE_TOKEN_MAX);
}
CODEC(sign_out, sign_out_fields)

static void
visit_ask_fields(struct codec *c, struct visit_ask *v)
{
	codec_below(c, &v->room, PAGE_ROOMS);
	codec_text(c, &v->session, PAGE_TOKEN_MAX);
	codec_text(c, &v->peer, ACCOUNT_PEER_MAX);
	codec_text(c, &v->agent, PAGE_AGENT_MAX);
	codec_fd_maybe(c, &v->fd);
}
CODEC(visit_ask, visit_ask_fields)

static void
page_open_fields(struct codec *c, struct page_open *v)
{
	codec_text(c, &v->account, ACCOUNT_NAME_MAX);
	codec_bool(c, &v->admin);
	codec_text(c, &v->csrf, PAGE_TOKEN_MAX);
	codec_text(c, &v->peer, ACCOUNT_PEER_MAX);
	codec_u64(c, &v->session);
	codec_fd_maybe(c, &v->fd);
	codec_fd_maybe(c, &v->person);
}
CODEC(page_open, page_open_fields)

static void
page_ask_fields(struct codec *c, struct page_ask *v)
{
	codec_below(c, &v->method, PAGE_METHODS);
	codec_text(c, &v->path, PAGE_PATH_MAX);
	codec_text(c, &v->query, PAGE_QUERY_MAX);
	codec_text(c, &v->form, PAGE_FORM_MAX);
	codec_text(c, &v->languages, PAGE_LANGUAGE_MAX);
}
CODEC(page_ask, page_ask_fields)

static void
page_answer_fields(struct codec *c, struct page_answer *v)
{
	codec_u16(c, &v->status);
	codec_text(c, &v->type, PAGE_TYPE_MAX);
	codec_text(c, &v->location, PAGE_FOLLOW_MAX);
	codec_sv(c, &v->body);
	codec_bool(c, &v->over);
}
CODEC(page_answer, page_answer_fields)
