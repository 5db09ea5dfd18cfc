from setuptools import find_packages, setup

setup(
    name="aloe_control",
    version="0.1.0",
    packages=find_packages(exclude=["test", "test.*"]),
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/aloe_control"]),
        ("share/aloe_control", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="The ALOE authors",
    maintainer_email="aloe@example.org",
    description="The only package that commands the robot: chunk executor, inverse kinematics, limits, watchdog.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "audit = aloe_control.ros.audit_bags:main",
            "control_node = aloe_control.ros.control_node:main",
            "driver_relay = aloe_control.ros.driver_relay:main",
            "reexecute = aloe_control.ros.reexecute:main",
        ],
    },
)
