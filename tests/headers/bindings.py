"""bindings.py DECLARATIONS LIBRARY: what a binding for Python would do, in short."""

import sys

import cffi

ffi = cffi.FFI()
with open(sys.argv[1], encoding="ascii") as declarations:
    ffi.cdef(declarations.read())
lib = ffi.dlopen(sys.argv[2])

print("repli_driver has", ffi.sizeof("repli_driver"), "bytes")
print("release", ffi.string(lib.repli_version()).decode())

error = ffi.new("repli_error *", {"struct_size": ffi.sizeof("repli_error")})
uuid = ffi.new("char[37]")
assert lib.repli_uuid_generate(uuid, error) == lib.REPLI_OK
assert lib.repli_uuid_validate(uuid, error) == lib.REPLI_OK
assert lib.repli_uuid_validate(b"none", error) == lib.REPLI_EINVALID
assert error.code == lib.REPLI_EINVALID and ffi.string(error.message)

config = ffi.new("repli_config **")
assert lib.repli_config_new(ffi.NULL, config, error) == lib.REPLI_OK
assert lib.repli_config_set_str(config[0], b"node_id", b"node-1", error) == lib.REPLI_OK
lib.repli_config_free(config[0])
