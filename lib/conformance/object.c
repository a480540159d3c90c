#include "conformance/object.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEGMENTS_MAX = 8 };

struct object_data {
    uintptr_t address; /* somewhere within the object */
    const unsigned char *base;
    struct segment {
        const unsigned char *start;
        size_t size;
        unsigned char *copy;
    } segments[SEGMENTS_MAX];
    size_t count;
};

repli_driver_entry_fn object_entry(const char *path, const repli__driver_table *table) {
    char symbol[80];
    snprintf(symbol, sizeof(symbol), "repli_driver_%s_entry", table->driver.name);
    void *object = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    void *found = object != NULL ? dlsym(object, symbol) : NULL;
    repli_driver_entry_fn entry = NULL;
    memcpy(&entry, &found, sizeof(entry)); /* ISO C has no cast from one to the other */
    return entry;
}

int object_is_resident(const char *path) {
    struct link_map *map = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    if (map == NULL)
        return 0;
    for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_FLAGS_1)
            return (entry->d_un.d_val & DF_1_NODELETE) != 0;
    return 0;
}

static int holds(const struct dl_phdr_info *info, uintptr_t address) {
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_LOAD && address - info->dlpi_addr >= header->p_vaddr &&
            address - info->dlpi_addr < header->p_vaddr + header->p_memsz)
            return 1;
    }
    return 0;
}

static int find(struct dl_phdr_info *info, size_t size, void *argument) {
    (void)size;
    struct object_data *data = argument;
    if (!holds(info, data->address))
        return 0;
    data->base = (const unsigned char *)info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_LOAD && (header->p_flags & PF_W) && data->count < SEGMENTS_MAX)
            data->segments[data->count++] =
                (struct segment){data->base + header->p_vaddr, header->p_memsz, NULL};
    }
    return 1;
}

/* A sanitizer fences each variable in, but what is between them is read as well. */
#define WHOLE __attribute__((no_sanitize("address")))

WHOLE static void copy(unsigned char *to, const volatile unsigned char *from, size_t size) {
    for (size_t i = 0; i < size; i++)
        to[i] = from[i];
}

struct object_data *object_data_take(repli_driver_entry_fn entry) {
    struct object_data *data = calloc(1, sizeof(*data));
    if (data == NULL || entry == NULL) {
        free(data);
        return NULL;
    }
    memcpy(&data->address, &entry, sizeof(data->address));
    int found = dl_iterate_phdr(find, data);
    for (size_t i = 0; found && i < data->count; i++) {
        data->segments[i].copy = malloc(data->segments[i].size);
        found = data->segments[i].copy != NULL;
        if (found)
            copy(data->segments[i].copy, data->segments[i].start, data->segments[i].size);
    }
    if (found)
        return data;
    object_data_free(data);
    return NULL;
}

WHOLE size_t object_data_changed(const struct object_data *data, size_t *ret_where) {
    size_t changed = 0;
    for (size_t i = 0; i < data->count; i++)
        for (size_t j = 0; j < data->segments[i].size; j++)
            if (data->segments[i].start[j] != data->segments[i].copy[j] && changed++ == 0)
                *ret_where = (size_t)(data->segments[i].start + j - data->base);
    return changed;
}

void object_data_free(struct object_data *data) {
    if (data == NULL)
        return;
    for (size_t i = 0; i < data->count; i++)
        free(data->segments[i].copy);
    free(data);
}
