from setuptools import find_packages, setup

setup(
    name="aloe_teleop",
    version="0.1.0",
    packages=find_packages(exclude=["test", "test.*"]),
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/aloe_teleop"]),
        ("share/aloe_teleop", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="The ALOE authors",
    maintainer_email="aloe@example.org",
    description="Human devices: pedals, leader arms, gamepad, SpaceMouse, keyboard, scripted human.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "teleop_node = aloe_teleop.ros.teleop_node:main",
            "learn_keys = aloe_teleop.learn_keys:main",
        ],
    },
)
