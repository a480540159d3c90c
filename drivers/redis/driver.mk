driver_redis_PKGS = hiredis
