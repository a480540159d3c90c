#include "settings.h"

#include "secrets.h"

enum { PEM_MAX = 1024 * 1024 };

const char *settings_pem(struct settings *settings, const char *name, int private,
                         struct problems *problems) {
    const struct setting *setting = settings_find(settings, name);
    if (setting->text == NULL)
        return NULL;
    char why[SECRETS_WHY_SIZE];
    const char *pem = private ? secrets_read_private(&settings->pool, setting->text, PEM_MAX, why)
                              : secrets_read_public(&settings->pool, setting->text, PEM_MAX, why);
    if (pem == NULL)
        problems_error(problems, setting->at, "%s: cannot use \"%s\": %s", name, setting->text,
                       why);
    return pem;
}

uint32_t settings_mode(const struct settings *settings, const char *name,
                       struct problems *problems) {
    const struct setting *setting = settings_find(settings, name);
    uint32_t mode = 0;
    const char *digit = setting->text;
    for (; *digit >= '0' && *digit <= '7' && mode <= 0777; digit++)
        mode = mode * 8 + (uint32_t)(*digit - '0');
    if (digit != setting->text && *digit == '\0' && mode > 0 && mode <= 0777)
        return mode;
    problems_error(problems, setting->at,
                   "%s: found \"%s\", expected permissions in octal, such as 0660", name,
                   setting->text);
    return 0;
}
