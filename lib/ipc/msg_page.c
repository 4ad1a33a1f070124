#include "ipc/msg_page.h"

#include <stdio.h>

#include "base/ascii.h"

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
	codec_bool(c, &v->stranger);
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

/* ---- links ---- */

#define TAG_DIGITS    16
#define SECRET_DIGITS (2 * PAGE_LINK_SECRET)

_Static_assert(
    TAG_DIGITS + SECRET_DIGITS < PAGE_TOKEN_MAX, "a token is a text");

/* Not a secret: FNV-1a, as long as the accounts of a server need it. */
static void
put_tag(struct sv account, char out[TAG_DIGITS + 1])
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < account.n; i++)
		h = (h ^ (unsigned char)account.p[i]) * 0x100000001b3u;
	(void)snprintf(out, TAG_DIGITS + 1, "%016llx", (unsigned long long)h);
}

void
page_link_put(
    struct sv account, const uint8_t secret[PAGE_LINK_SECRET], struct buf *out)
{
	char tag[TAG_DIGITS + 1];

	put_tag(account, tag);
	buf_adds(out, tag);
	for (size_t i = 0; i < PAGE_LINK_SECRET; i++)
		buf_addf(out, "%02x", secret[i]);
}

bool
page_link_is_of(struct sv token, struct sv account)
{
	char tag[TAG_DIGITS + 1];

	put_tag(account, tag);
	return token.n == TAG_DIGITS + SECRET_DIGITS &&
	       sv_starts(token, sv_str(tag));
}

bool
page_link_secret(struct sv token, uint8_t out[PAGE_LINK_SECRET])
{
	if (token.n != TAG_DIGITS + SECRET_DIGITS)
		return false;
	for (size_t i = 0; i < PAGE_LINK_SECRET; i++) {
		int high = ascii_hex(token.p[TAG_DIGITS + 2 * i]);
		int low = ascii_hex(token.p[TAG_DIGITS + 2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}
