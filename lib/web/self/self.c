#include "web/self/self.h"

#include "web/self/self_priv.h"

/* ---- which page ---- */

struct route {
	const char *path;
	self_handler_fn *get, *post;
};

static const struct route routes[] = {
    {"/home", self_home, NULL},
    {"/devices", self_devices, NULL},
    {"/devices/add", self_devices, self_device_add},
    {"/devices/new", self_device_new, NULL},
    {"/devices/revoke", self_devices, self_device_revoke},
    {"/sessions", self_sessions, NULL},
    {"/sessions/end", self_sessions, self_session_end},
    {"/sessions/end-others", self_sessions, self_sessions_end},
    {"/password", self_password, self_password_set},
    {"/second-factor", self_factor, NULL},
    {"/second-factor/begin", self_factor, self_factor_begin},
    {"/second-factor/new", self_factor_new, NULL},
    {"/second-factor/confirm", self_factor, self_factor_confirm},
    {"/second-factor/off", self_factor, self_factor_off},
    {"/second-factor/more", self_factor, self_factor_more},
    {"/second-factor/codes", self_factor_codes, NULL},
    {"/addresses", self_addresses, NULL},
    {"/restore", self_restore, self_restore_do},
    {"/trace", self_trace, NULL},
    {"/vacation", self_vacation, self_vacation_set},
    {"/filters", self_filters, self_filters_do},
    {"/filters/edit", self_filter_edit, self_filter_save},
    {"/forward", self_forward, self_forward_set},
    {"/forward/again", self_forward, self_forward_again},
    {"/forward/remove", self_forward, self_forward_remove},
    {"/junk", self_junk, NULL},
    {"/junk/block", self_junk, self_block},
    {"/junk/unblock", self_junk, self_unblock},
};

static bool
may_post(const struct self *s)
{
	struct buf csrf;
	bool may;

	buf_init(&csrf, PAGE_TOKEN_MAX);
	self_get(s, "csrf", &csrf);
	may = page_same_secret(buf_sv(&csrf), s->v->csrf);
	buf_wipe(&csrf);
	return may;
}

/* A form of a session that is over, or of another site: it is there again, as
 * if nothing had been sent, with a token that is right. */
static void
show_again(struct self *s, const struct route *r)
{
	s->sent = s->v->ask->query;
	s->too_old = true;
	s->out->status = 403;
	r->get(s);
}

static void
run(struct self *s, const struct route *r)
{
	if (s->v->ask->method == PAGE_GET) {
		s->sent = s->v->ask->query;
		r->get(s);
		return;
	}
	s->sent = s->v->ask->form;
	if (r->post == NULL)
		self_sorry(s, 405, W_NO_SUCH_PAGE);
	else if (may_post(s))
		r->post(s);
	else
		show_again(s, r);
}

void
self_answer(const struct self_visit *v, struct self_reply *out)
{
	struct self s = {
	    .v = v, .out = out, .language = page_language(v->ask->languages)};
	size_t i;

	if (v->stranger) {
		s.sent =
		    v->ask->method == PAGE_GET ? v->ask->query : v->ask->form;
		self_confirm(&s);
		return;
	}
	for (i = 0; i < sizeof routes / sizeof routes[0]; i++)
		if (sv_eq(v->ask->path, sv_str(routes[i].path))) {
			run(&s, &routes[i]);
			return;
		}
	self_sorry(&s, 404, W_NO_SUCH_PAGE);
}
