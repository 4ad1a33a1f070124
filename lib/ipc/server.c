#include "ipc/server.h"

#include <stdlib.h>

#include "base/alloc.h"

struct ipc_server {
	struct ev_loop *loop;
	const struct ipc_server_ops *ops;
	void *arg;
	struct ipc_client *clients;
};

/* ---- clients ---- */

static void
client_maybe_free(struct ipc_client *c)
{
	struct ipc_client **at = &c->server->clients;

	if (c->line != NULL || c->open > 0)
		return;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	free(c);
}

void
ipc_client_cut(struct ipc_client *c)
{
	if (c->line == NULL)
		return;
	line_free(&c->line);
	if (c->server->ops->gone != NULL)
		c->server->ops->gone(c);
	client_maybe_free(c);
}

static void
on_msg(struct line *l, struct msg *m, void *arg)
{
	struct ipc_client *c = arg;

	(void)l;
	c->server->ops->msg(c, m);
}

static void
on_eof(struct line *l, void *arg)
{
	(void)l;
	ipc_client_cut(arg);
}

void
ipc_client_tell(struct ipc_client *c, struct msg *m)
{
	if (c->line != NULL)
		line_tell(c->line, m);
	else
		msg_fini(m);
}

void
ipc_client_answer(struct ipc_client *c, uint32_t id, struct msg *m)
{
	m->type = MSG_REPLY;
	m->id = id;
	ipc_client_tell(c, m);
}

/* ---- requests ---- */

void
ipc_request_begin(
    struct ipc_request *r, struct ipc_client *c, const struct msg *m)
{
	*r = (struct ipc_request){.client = c, .id = m->id};
	c->open++;
}

bool
ipc_request_is_awaited(const struct ipc_request *r)
{
	return !r->answered && r->client->line != NULL;
}

void
ipc_request_answer(struct ipc_request *r, struct msg *m)
{
	must(!r->answered);
	r->answered = true;
	ipc_client_answer(r->client, r->id, m);
}

void
ipc_request_end(struct ipc_request *r)
{
	struct ipc_client *c = r->client;

	must(c != NULL && c->open > 0);
	r->client = NULL;
	c->open--;
	client_maybe_free(c);
}

/* ---- the server ---- */

struct ipc_server *
ipc_server_new(
    struct ev_loop *loop, const struct ipc_server_ops *ops, void *arg)
{
	struct ipc_server *s = xcalloc(1, sizeof *s);

	must(ops->client_size >= sizeof(struct ipc_client));
	s->loop = loop;
	s->ops = ops;
	s->arg = arg;
	return s;
}

struct ipc_client *
ipc_server_add(struct ipc_server *s, int fd)
{
	struct ipc_client *c = xcalloc(1, s->ops->client_size);

	c->server = s;
	c->arg = s->arg;
	c->next = s->clients;
	s->clients = c;
	c->line = line_new(s->loop, fd, on_msg, on_eof, c);
	return c;
}

struct ipc_client *
ipc_server_clients(const struct ipc_server *s)
{
	return s->clients;
}

bool
ipc_server_is_idle(const struct ipc_server *s)
{
	const struct ipc_client *c = s->clients;

	while (c != NULL && c->open == 0)
		c = c->next;
	return c == NULL;
}

void
ipc_server_free(struct ipc_server **sp)
{
	struct ipc_server *s = *sp;

	if (s == NULL)
		return;
	while (s->clients != NULL) {
		must(s->clients->open == 0);
		ipc_client_cut(s->clients);
	}
	free(s);
	*sp = NULL;
}
