driver_alldata_OURS = liballdata-http liballdata
driver_alldata_LIBS = $(HTTP_LIBS) $(ALLDATA_LIBS) -ldl
