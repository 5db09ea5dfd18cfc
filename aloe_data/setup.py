from setuptools import find_packages, setup

setup(
    name="aloe_data",
    version="0.1.0",
    packages=find_packages(exclude=["test", "test.*"]),
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/aloe_data"]),
        ("share/aloe_data", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="The ALOE authors",
    maintainer_email="aloe@example.org",
    description="Rig description, time alignment, episodes, bags: the data side of ALOE.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "recorder_node = aloe_data.ros.recorder_node:main",
            "episode_node = aloe_data.ros.episode_node:main",
            "rollout_report = aloe_data.ros.rollout_report:main",
            "export_lerobot = aloe_data.ros.export_lerobot:main",
            "export_parquet = aloe_data.ros.export_parquet:main",
            "import_lerobot = aloe_data.ros.import_lerobot:main",
            "inspect = aloe_data.ros.inspect_bag:main",
            "list = aloe_data.ros.list_bags:main",
            "network = aloe_data.network_command:main",
            "repair = aloe_data.ros.repair:main",
            "verdict = aloe_data.verdicts:main",
            "verify = aloe_data.ros.verify_bags:main",
        ],
    },
)
