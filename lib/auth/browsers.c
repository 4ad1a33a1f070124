#include "auth/browsers.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/be.h"
#include "base/io.h"
#include "base/log.h"

#define HEAD	  "hearthmail browsers 1\n"
#define KEY_BYTES crypto_generichash_KEYBYTES
#define TIME	  4
#define MAC	  24
#define RAW	  (TIME + BROWSER_ID + MAC)
#define TEXT	  (RAW / 3 * 4)

_Static_assert(RAW % 3 == 0, "base64 without padding");

struct auth_browsers {
	unsigned char key[KEY_BYTES];
};

static bool
load(struct auth_browsers *b, const char *path)
{
	struct buf file;
	bool ok;

	buf_init(&file, sizeof HEAD - 1 + KEY_BYTES);
	ok = io_read_file(path, &file, NULL) == RC_OK &&
	     sv_starts(buf_sv(&file), SV(HEAD)) &&
	     file.n == sizeof HEAD - 1 + KEY_BYTES;
	if (ok)
		memcpy(b->key, file.p + sizeof HEAD - 1, KEY_BYTES);
	buf_wipe(&file);
	return ok;
}

static void
save(const struct auth_browsers *b, const char *path)
{
	struct err err = {.text = ""};
	struct buf file;

	buf_init(&file, sizeof HEAD - 1 + KEY_BYTES);
	buf_adds(&file, HEAD);
	buf_add(&file, b->key, KEY_BYTES);
	if (io_replace_file(path, buf_sv(&file), 0600, &err) != RC_OK)
		mlog(LOG_WARN, "browsers.save", "text=\"%s\"", err.text);
	buf_wipe(&file);
}

struct auth_browsers *
auth_browsers_new(const char *path)
{
	struct auth_browsers *b = xcalloc(1, sizeof *b);

	if (!load(b, path)) {
		randombytes_buf(b->key, sizeof b->key);
		save(b, path);
	}
	return b;
}

void
auth_browsers_free(struct auth_browsers **b)
{
	if (*b == NULL)
		return;
	sodium_memzero(*b, sizeof **b);
	free(*b);
	*b = NULL;
}

static void
add_part(crypto_generichash_state *h, struct sv s)
{
	char n[4];

	be_put32(n, (uint32_t)s.n);
	(void)crypto_generichash_update(h, (unsigned char *)n, sizeof n);
	(void)crypto_generichash_update(h, (const unsigned char *)s.p, s.n);
}

/* Of what is in front of it. */
static void
make_mac(const struct auth_browsers *b, const unsigned char raw[RAW],
    struct sv account, const char *salt, unsigned char out[MAC])
{
	crypto_generichash_state h;

	(void)crypto_generichash_init(&h, b->key, sizeof b->key, MAC);
	add_part(&h, sv_of(raw, TIME + BROWSER_ID));
	add_part(&h, account);
	add_part(&h, sv_str(salt));
	(void)crypto_generichash_final(&h, out, MAC);
}

void
auth_browsers_make(const struct auth_browsers *b, struct sv account,
    const char *salt, int64_t seconds, struct buf *cookie_out)
{
	unsigned char raw[RAW];
	char text[TEXT + 1];

	be_put32((char *)raw, (uint32_t)seconds);
	randombytes_buf(raw + TIME, BROWSER_ID);
	make_mac(b, raw, account, salt, raw + TIME + BROWSER_ID);
	(void)sodium_bin2base64(text, sizeof text, raw, sizeof raw,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	buf_adds(cookie_out, text);
}

bool
auth_browsers_check(const struct auth_browsers *b, struct sv cookie,
    struct sv account, const char *salt, int64_t seconds,
    unsigned char id[BROWSER_ID], bool *fresh)
{
	unsigned char raw[RAW], mac[MAC];
	int64_t age;
	size_t n = 0;

	if (cookie.n != TEXT ||
	    sodium_base642bin(raw, sizeof raw, cookie.p, cookie.n, NULL, &n,
		NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
	    n != RAW)
		return false;
	make_mac(b, raw, account, salt, mac);
	age = seconds - (int64_t)be_get32((const char *)raw);
	if (sodium_memcmp(mac, raw + TIME + BROWSER_ID, MAC) != 0 ||
	    age >= BROWSER_LIFE_S || age < -BROWSER_RENEW_S)
		return false;
	memcpy(id, raw + TIME, BROWSER_ID);
	*fresh = age < BROWSER_RENEW_S;
	return true;
}
