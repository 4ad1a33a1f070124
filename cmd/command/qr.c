#include "cmd/command/qr.h"

#include <limits.h>
#include <qrencode.h>

#define MARGIN 2 /* modules; phones read it, and 80 columns hold more */

/* Outside it is white. */
static bool
is_black(const QRcode *q, int x, int y)
{
	x -= MARGIN;
	y -= MARGIN;
	return x >= 0 && y >= 0 && x < q->width && y < q->width &&
	       (q->data[y * q->width + x] & 1) != 0;
}

int
qr_print(struct sv text, struct buf *out)
{
	/* Both white, lower black, upper black, both: U+2580 and its kind are
	 * drawn in black on white. */
	static const char *const block[] = {
	    " ", "\xe2\x96\x84", "\xe2\x96\x80", "\xe2\x96\x88"};
	QRcode *q;
	int x, y, size;

	if (text.n == 0 || text.n > INT_MAX)
		return RC_TOOBIG;
	q = QRcode_encodeData(
	    (int)text.n, (const unsigned char *)text.p, 0, QR_ECLEVEL_L);
	if (q == NULL)
		return RC_TOOBIG;
	size = q->width + 2 * MARGIN;
	for (y = 0; y < size; y += 2) {
		buf_adds(out, "\033[30;107m");
		for (x = 0; x < size; x++)
			buf_adds(out, block[2 * is_black(q, x, y) +
					    is_black(q, x, y + 1)]);
		buf_adds(out, "\033[0m\n");
	}
	QRcode_free(q);
	return RC_OK;
}
