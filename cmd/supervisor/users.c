#include "cmd/supervisor/users.h"

#include <pwd.h>
#include <unistd.h>

void
users_find(struct super_user user[ROLE_COUNT], bool *change, const char **how)
{
	const struct passwd *pw;
	int i;

	*change = geteuid() == 0;
	*how = "each process runs as its own user";
	if (!*change)
		*how = "all processes run as this user, since it is not root";
	for (i = 0; i < ROLE_COUNT; i++) {
		user[i] = (struct super_user){geteuid(), getegid()};
		if (!*change)
			continue;
		pw = getpwnam(role_info[i].user);
		if (pw == NULL) {
			*how = "all processes run as nobody, since the service "
			       "users are missing";
			pw = getpwnam("nobody");
		}
		user[i] = pw != NULL
			      ? (struct super_user){pw->pw_uid, pw->pw_gid}
			      : (struct super_user){65534, 65534};
	}
}
