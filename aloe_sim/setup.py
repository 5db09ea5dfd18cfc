from setuptools import find_packages, setup

setup(
    name="aloe_sim",
    version="0.1.0",
    packages=find_packages(exclude=["test", "test.*"]),
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/aloe_sim"]),
        ("share/aloe_sim", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="The ALOE authors",
    maintainer_email="aloe@example.org",
    description="A simulated bimanual rig with cameras, its tasks and their scripted experts.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "sim_node = aloe_sim.ros.sim_node:main",
            "faults = aloe_sim.ros.faults:main",
            "render_scenes = aloe_sim.rollout.scenes:main",
        ],
    },
)
