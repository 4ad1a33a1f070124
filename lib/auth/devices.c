#include "auth/devices.h"

#include <stdlib.h>

#include "auth/links.h"
#include "auth/uses.h"
#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "ipc/msg_auth.h"

#define USES_FILE   "uses"
#define LOGINS_FILE "logins"
#define TICK_MS	    60000

struct auth_devices {
	struct ev_loop *loop;
	struct auth_server *server;
	struct auth_uses *uses;
	struct auth_logins *logins;
	struct auth_links *links;
	struct ev_timer *timer;
};

static void
save(struct auth_devices *d)
{
	auth_uses_save(d->uses, USES_FILE, auth_server_credentials(d->server));
	auth_logins_save(d->logins, LOGINS_FILE, clk_now() / 1000);
}

static void
on_tick(void *arg)
{
	struct auth_devices *d = arg;

	save(d);
	(void)auth_links_sweep(d->links);
	d->timer = ev_timer_add(d->loop, TICK_MS, on_tick, d);
}

struct auth_devices *
auth_devices_new(struct ev_loop *loop, struct auth_server *server)
{
	struct auth_devices *d = xcalloc(1, sizeof *d);

	d->loop = loop;
	d->server = server;
	d->uses = auth_uses_new();
	auth_uses_load(d->uses, USES_FILE);
	d->logins = auth_logins_new();
	auth_logins_load(d->logins, LOGINS_FILE, clk_now() / 1000);
	d->links = auth_links_new(clk_mono);
	d->timer = ev_timer_add(loop, TICK_MS, on_tick, d);
	return d;
}

void
auth_devices_free(struct auth_devices **dp)
{
	struct auth_devices *d = *dp;

	if (d == NULL)
		return;
	ev_timer_del(&d->timer);
	save(d);
	auth_links_free(&d->links);
	auth_logins_free(&d->logins);
	auth_uses_free(&d->uses);
	free(d);
	*dp = NULL;
}

void
auth_devices_set_conf(struct auth_devices *d, const struct conf *conf)
{
	auth_logins_set_conf(d->logins, conf);
}

struct label {
	uint64_t id;
	const char *text;
};

static void
find_label(const struct credentials_app *a, void *arg)
{
	struct label *l = arg;

	if (a->id == l->id)
		l->text = a->label;
}

void
auth_devices_note(struct auth_devices *d, struct sv account, uint64_t id,
    const char *service, const char *peer)
{
	struct label l = {id, ""};

	if (id != AUTH_CREDENTIAL_PASSWORD) {
		auth_uses_note(d->uses, id, service, peer);
		credentials_app_each(auth_server_credentials(d->server),
		    account, find_label, &l);
	}
	auth_logins_note(d->logins, account, service, peer, sv_str(l.text),
	    clk_now() / 1000);
}

void
auth_devices_note_web(struct auth_devices *d, struct sv account,
    const char *peer, struct sv agent)
{
	auth_logins_note(
	    d->logins, account, "web", peer, agent, clk_now() / 1000);
}

void
auth_devices_logins(
    struct auth_devices *d, struct sv account, auth_login_fn *fn, void *arg)
{
	auth_logins_each(d->logins, account, clk_now() / 1000, fn, arg);
}

struct device_list {
	struct auth_devices *d;
	auth_device_fn *fn;
	void *arg;
};

static void
tell_device(const struct credentials_app *a, void *arg)
{
	struct device_list *l = arg;
	const struct auth_use *use = auth_uses_find(l->d->uses, a->id);
	const struct auth_device device = {
	    .label = a->label,
	    .made = (int64_t)a->made,
	    .used = use != NULL ? use->when : 0,
	    .service = use != NULL ? use->service : "",
	    .peer = use != NULL ? use->peer : "",
	};

	l->fn(&device, l->arg);
}

void
auth_devices_each(
    struct auth_devices *d, struct sv account, auth_device_fn *fn, void *arg)
{
	struct device_list l = {d, fn, arg};

	credentials_app_each(
	    auth_server_credentials(d->server), account, tell_device, &l);
}

int
auth_devices_add(struct auth_devices *d, const struct conf *conf,
    const struct device_order *o, struct buf *token_out,
    struct buf *password_out, struct err *err)
{
	struct auth_link link = {o->account, o->label, o->address, SV(""), 0};
	int r = auth_server_app_add(
	    d->server, o->account, o->label, password_out, err);

	if (r != RC_OK)
		return r;
	/* Nobody would answer there: then the password is not kept. */
	if (conf->nlisten[CONF_HTTPS] == 0)
		return RC_OK;
	link.password = buf_sv(password_out);
	auth_links_add(d->links, &link, token_out);
	return RC_OK;
}

void
auth_devices_list(struct auth_devices *d, struct sv account, struct buf *out)
{
	auth_uses_list(
	    d->uses, auth_server_credentials(d->server), account, out);
}

void
auth_devices_forget(struct auth_devices *d, struct sv account, struct sv label)
{
	auth_links_forget(d->links, account, label);
}

/* ---- links ---- */

static int
ask(struct auth_devices *d, const struct link_ask *asked,
    struct auth_link *link, struct buf *ticket)
{
	switch ((enum link_what)asked->what) {
	case LINK_LOOK:
		return auth_links_look(d->links, asked->token, link);
	case LINK_PRESS:
		return auth_links_press(d->links, asked->token, link, ticket);
	case LINK_TAKE:
		return auth_links_take(d->links, asked->token, link);
	case LINK_WHATS:
		break;
	}
	return RC_NOTFOUND;
}

static void
note_link(const struct link_ask *asked, const struct link_done *done)
{
	/* Looking changes nothing, and anybody may do it, as anybody may make
	 * up tokens. */
	if (asked->what != LINK_LOOK && done->rc != RC_NOTFOUND)
		mlog(LOG_INFO, "device.link", "what=%s account=%.*s rc=%s",
		    asked->what == LINK_PRESS ? "press" : "take",
		    SV_ARG(done->account), rc_name(done->rc));
}

void
auth_devices_link(struct auth_devices *d, const struct conf *conf,
    struct msg *m, struct msg *answer)
{
	struct link_done done = {.rc = RC_NOTFOUND};
	struct link_ask asked = {.what = LINK_LOOK};
	struct auth_link link = {.left_ms = 0};
	struct buf ticket;

	buf_init(&ticket, LINK_TOKEN_MAX);
	if (link_ask_get(m, &asked) == RC_OK)
		done.rc = ask(d, &asked, &link, &ticket);
	if (done.rc == RC_OK && conf_account_by_name(conf, link.account) < 0)
		done.rc = RC_NOTFOUND; /* the account was removed */
	if (done.rc == RC_OK) {
		done.account = link.account;
		done.device = link.device;
		done.address = link.address;
		done.ticket = buf_sv(&ticket);
		done.password = link.password;
		done.seconds = (uint32_t)(link.left_ms / 1000);
	}
	note_link(&asked, &done);
	link_done_put(answer, &done);
	buf_wipe(&ticket);
}
