# llama-cpp-python builds llama.cpp's library `common` and installs nothing of it that Python loads; its own CMakeLists.txt has no option.
set(LLAMA_BUILD_COMMON OFF)
