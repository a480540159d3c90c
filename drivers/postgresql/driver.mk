driver_postgresql_PKGS = libpq
