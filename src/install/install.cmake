# cmake --install: the program, both libraries, the headers, and what pkg-config and CMake need to
# find them. Everything is found relative to itself, so that the installed tree can be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# A program that links the shared library needs none of the libraries below it, so the static one is
# a component of its own, with its dependencies.
set_target_properties(lockstep-shared PROPERTIES EXPORT_NAME lockstep)
set_target_properties(lockstep-static PROPERTIES EXPORT_NAME static)
install(TARGETS lockstep-shared EXPORT lockstep-shared)
install(TARGETS lockstep-static EXPORT lockstep-static)
if(TARGET lockstep)
    install(TARGETS lockstep)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/lockstep TYPE INCLUDE FILES_MATCHING PATTERN "*.h")

set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/lockstep)
foreach(export IN ITEMS lockstep-shared lockstep-static)
    install(EXPORT ${export} NAMESPACE lockstep:: DESTINATION ${package_directory})
endforeach()
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/lockstep-config.cmake.in
    ${CMAKE_BINARY_DIR}/install/lockstep-config.cmake INSTALL_DESTINATION ${package_directory})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/install/lockstep-config-version.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/install/lockstep-config.cmake
    ${CMAKE_BINARY_DIR}/install/lockstep-config-version.cmake DESTINATION ${package_directory})

file(RELATIVE_PATH prefix_from_pkgconfig
    ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(${CMAKE_CURRENT_LIST_DIR}/lockstep.pc.in ${CMAKE_BINARY_DIR}/install/lockstep.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/install/lockstep.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
