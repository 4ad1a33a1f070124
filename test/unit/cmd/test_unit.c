/* What a service unit keeps from the service. */
#include <check.h>

#include "cmd/supervisor/unit.h"
#include "test/unit/unit.h"

#define OURS                                                           \
	"[Service]\nStateDirectory=hearthmail\nProtectSystem=strict\n" \
	"ProtectHome=yes\nPrivateTmp=yes\n"

static const struct {
	const char *unit, *dropin, *path;
	bool hidden, forbidden;
} rows[] = {
    {"", "", "/root/x", false, false},
    {OURS, "", "/root/.acme.sh/x/key.pem", true, true},
    {OURS, "", "/home", true, true},
    {OURS, "", "/homes/x", false, true},
    {OURS, "", "/run/user/1000/key", true, true},
    {OURS, "", "/tmp/key", true, true},
    {OURS, "", "/etc/letsencrypt/live/x/key.pem", false, true},
    {OURS, "", "/var/lib/hearthmail", false, false},
    {OURS, "", "/var/lib/hearthmail2", false, true},
    {OURS, "", "/mnt/bk", false, true},
    {OURS, "[Service]\nReadWritePaths=-/mnt/bk/ /srv\n", "/mnt/bk/mail", false,
	false},
    {OURS, "[Service]\nReadWritePaths=/mnt/bk\nReadWritePaths=\n", "/mnt/bk",
	false, true},
    {OURS, "[Service]\nReadWritePaths=/mnt \\\n /srv\n", "/srv/x", false,
	false},
    {OURS, "[Unit]\nReadWritePaths=/srv\n", "/srv/x", false, true},
    {OURS, "# [Service]\n;x\n[Service]\n#ReadWritePaths=/srv\n", "/srv", false,
	true},
    {OURS, "[Service]\nProtectHome=no\n", "/root/x", false, true},
    {OURS, "[Service]\nProtectHome = read-only\n", "/root/x", false, true},
    {OURS,
	"[Service]\nProtectHome=tmpfs\nBindReadOnlyPaths=-/root/.acme.sh/x\n",
	"/root/.acme.sh/x/key.pem", false, true},
    {OURS,
	"[Service]\nProtectHome=tmpfs\nBindReadOnlyPaths=-/root/.acme.sh/x\n",
	"/root/.acme.sh/y/key.pem", true, true},
    {OURS, "[Service]\nProtectHome=tmpfs\nBindPaths=/srv/a:/home/b:rbind\n",
	"/home/b/x", false, false},
    {OURS, "[Service]\nInaccessiblePaths=/etc/secret\n", "/etc/secret/key",
	true, true},
    {"[Service]\nProtectSystem=full\n", "", "/etc/x", false, true},
    {"[Service]\nProtectSystem=full\n", "", "/srv/x", false, false},
    {"[Service]\nProtectSystem=true\n", "", "/usr/x", false, true},
    {"[Service]\nProtectSystem=true\n", "", "/etc/x", false, false},
    {"[Service]\nReadWritePaths=/srv\nReadOnlyPaths=/srv/a\n", "", "/srv/a/b",
	false, true},
    {"[Service]\nProtectHome", "", "/root/x", false, false},
    {"[Service]\n=\n\\\n", "", "/root/x", false, false},
};

START_TEST(unit__keeps_from_the_service)
{
	struct err err = {.text = ""};
	struct unit u;

	unit_init(&u);
	unit_parse(&u, sv_str(rows[_i].unit));
	unit_parse(&u, sv_str(rows[_i].dropin));
	ck_assert_msg(unit_hides(&u, rows[_i].path, &err) == rows[_i].hidden,
	    "%s hidden", rows[_i].path);
	ck_assert_msg(
	    unit_forbids(&u, rows[_i].path, &err) == rows[_i].forbidden,
	    "%s forbidden", rows[_i].path);
	ck_assert(!rows[_i].forbidden || err.text[0] != '\0');
	unit_fini(&u);
}
END_TEST

UNIT_TESTS(unit)
{
	TCase *t = tcase_create("unit");

	tcase_add_loop_test(
	    t, unit__keeps_from_the_service, 0, sizeof rows / sizeof rows[0]);
	return t;
}
