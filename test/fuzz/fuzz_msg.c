/*
 * Reading a message between processes: a row of calls, then the message's
 * bytes.  Nothing is read outside it, and what is bad stays bad.  Then the same
 * bytes as each message that there is, with and without descriptors: one that
 * is taken gives the same bytes again.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "ipc/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned
sum_of(struct sv v)
{
	unsigned sum = 0;
	size_t i;

	for (i = 0; i < v.n; i++)
		sum += (unsigned char)v.p[i];
	return sum;
}

static unsigned
read_field(struct msg *m, uint8_t op)
{
	char text[64];

	switch (op % 7) {
	case 0:
		return msg_get_u8(m);
	case 1:
		return msg_get_u32(m);
	case 2:
		return (unsigned)msg_get_u64(m);
	case 3:
		return sum_of(msg_get_sv(m));
	case 4:
		msg_get_str(m, text, 1 + op % sizeof text);
		must(strlen(text) <= op % sizeof text);
		return sum_of(sv_str(text));
	case 5:
		msg_get_bytes(m, text, op % sizeof text);
		return sum_of(sv_of(text, op % sizeof text));
	default:
		must(msg_take_fd(m) == -1);
		return 0;
	}
}

static void
read_as(const struct codec_type *t, struct sv bytes, unsigned nfd)
{
	union {
		max_align_t align;
		char space[IPC_STRUCT_MAX];
	} v;
	struct msg m, again;
	unsigned i;

	must(t->size <= sizeof v);
	msg_init(&m, 0);
	buf_addsv(&m.b, bytes);
	while (m.nfd < nfd)
		msg_put_fd(&m, dup(2));
	if (codec_get(t, &m, &v) == RC_OK) {
		msg_init(&again, 0);
		codec_put(t, &again, &v);
		must(sv_eq(buf_sv(&again.b), bytes));
		/* The descriptors are the struct's. */
		for (i = 0; i < MSG_FD_MAX; i++)
			again.fd[i] = -1;
		msg_fini(&again);
		codec_fini(t, &v);
	}
	msg_fini(&m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t ops = size > 0 ? data[0] % 32 : 0, i;
	volatile unsigned sum = 0;
	struct msg m;

	if (size < 1 + ops)
		return 0;
	msg_init(&m, 20);
	buf_add(&m.b, data + 1 + ops, size - 1 - ops);
	for (i = 0; i < ops; i++) {
		bool bad = m.bad;

		sum += read_field(&m, data[1 + i]);
		must(m.at <= m.b.n);
		must(!bad || m.bad);
	}
	must((msg_end(&m) == RC_OK) == (!m.bad && m.at == m.b.n));
	msg_fini(&m);
	for (i = 0; ipc_messages[i] != NULL; i++)
		read_as(ipc_messages[i], sv_of(data + 1 + ops, size - 1 - ops),
		    i == data[0] ? MSG_FD_MAX : 0);
	return 0;
}
