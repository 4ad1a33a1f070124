#include "ipc/msg.h"

#include <string.h>

#include "base/be.h"
#include "base/io.h"

void
msg_init(struct msg *m, uint16_t type)
{
	unsigned i;

	memset(m, 0, sizeof *m);
	m->type = type;
	buf_init(&m->b, MSG_MAX);
	for (i = 0; i < MSG_FD_MAX; i++)
		m->fd[i] = -1;
}

void
msg_fini(struct msg *m)
{
	unsigned i;

	for (i = 0; i < MSG_FD_MAX; i++)
		io_close(&m->fd[i]);
	m->nfd = 0;
	buf_wipe(&m->b);
}

void
msg_put_u8(struct msg *m, uint8_t v)
{
	buf_add(&m->b, &v, 1);
}

void
msg_put_u32(struct msg *m, uint32_t v)
{
	char t[4];

	be_put32(t, v);
	buf_add(&m->b, t, sizeof t);
}

void
msg_put_u64(struct msg *m, uint64_t v)
{
	char t[8];

	be_put64(t, v);
	buf_add(&m->b, t, sizeof t);
}

void
msg_put_sv(struct msg *m, struct sv v)
{
	if (v.n > MSG_MAX) {
		m->b.failed = true;
		return;
	}
	msg_put_u32(m, (uint32_t)v.n);
	buf_addsv(&m->b, v);
}

void
msg_put_str(struct msg *m, const char *v)
{
	msg_put_sv(m, sv_str(v));
}

void
msg_put_fd(struct msg *m, int fd)
{
	must(m->nfd < MSG_FD_MAX && fd >= 0);
	m->fd[m->nfd++] = fd;
}

/* The next n bytes, or NULL. */
static const char *
take(struct msg *m, size_t n)
{
	const char *p;

	if (m->bad || n > m->b.n - m->at) {
		m->bad = true;
		return NULL;
	}
	p = m->b.p + m->at;
	m->at += n;
	return p;
}

uint8_t
msg_get_u8(struct msg *m)
{
	const char *p = take(m, 1);

	return p != NULL ? (uint8_t)*p : 0;
}

uint32_t
msg_get_u32(struct msg *m)
{
	const char *p = take(m, 4);

	return p != NULL ? be_get32(p) : 0;
}

uint64_t
msg_get_u64(struct msg *m)
{
	const char *p = take(m, 8);

	return p != NULL ? be_get64(p) : 0;
}

struct sv
msg_get_sv(struct msg *m)
{
	uint32_t n = msg_get_u32(m);
	const char *p = take(m, n);

	return p != NULL ? sv_of(p, n) : sv_of("", 0);
}

void
msg_get_str(struct msg *m, char *out, size_t n)
{
	struct sv v = msg_get_sv(m);

	if (v.n >= n || sv_chr(v, '\0') < v.n) {
		m->bad = true;
		v.n = 0;
	}
	memcpy(out, v.p, v.n);
	out[v.n] = '\0';
}

void
msg_get_bytes(struct msg *m, void *out, size_t n)
{
	struct sv v = msg_get_sv(m);

	if (v.n != n) {
		m->bad = true;
		memset(out, 0, n);
		return;
	}
	memcpy(out, v.p, n);
}

int
msg_take_fd(struct msg *m)
{
	unsigned i;

	for (i = 0; i < MSG_FD_MAX; i++)
		if (m->fd[i] >= 0) {
			int fd = m->fd[i];

			m->fd[i] = -1;
			return fd;
		}
	m->bad = true;
	return -1;
}

int
msg_end(struct msg *m)
{
	return !m->bad && m->at == m->b.n ? RC_OK : RC_SYNTAX;
}
