/*
 * Reading a message between processes: a row of calls, then the message's
 * bytes.  Nothing is read outside it, and what is bad stays bad.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ipc/msg.h"

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
	return 0;
}
